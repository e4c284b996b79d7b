//! fosse-proxyproto: the header with which a proxy in front tells whose connection it passes on,
//! versions 1 and 2.
//!
//! Source: "The PROXY protocol, versions 1 & 2" by Willy Tarreau (proxy-protocol.txt of HAProxy).
//! No I/O: bytes in, a header and its length out, or "more bytes", or a refusal. Whether a source
//! may send one at all is the caller's decision.
#![forbid(unsafe_code)]

use core::net::SocketAddr;

mod header;
mod v1;
mod v2;

pub use header::{Header, ProxyError};
pub use v1::V1_BYTES_MAX;
pub use v2::V2_BYTES_MAX;

/// Decodes the header at the beginning of `bytes`. Returns it and its length in bytes, or `None`
/// while it is cut.
///
/// # Errors
/// [`ProxyError`], as soon as the bytes cannot become a header of either version.
pub fn decode(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, ProxyError> {
    match bytes.first() {
        None => Ok(None),
        Some(b'P') => v1::decode(bytes),
        Some(_) => v2::decode(bytes),
    }
}

/// Appends a header of version 1. Addresses of two families are UNKNOWN to it.
pub fn encode_v1(out: &mut Vec<u8>, addresses: Option<(SocketAddr, SocketAddr)>) {
    v1::encode(out, addresses);
}

/// Appends a header of version 2, without extensions; LOCAL where there are no addresses.
pub fn encode_v2(out: &mut Vec<u8>, addresses: Option<(SocketAddr, SocketAddr)>) {
    v2::encode(out, addresses);
}
