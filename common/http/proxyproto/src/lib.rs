//! fosse-proxyproto: the header with which a proxy in front tells whose connection it passes on, versions 1 and 2.
//!
//! Source: "The PROXY protocol, versions 1 & 2" by Willy Tarreau (proxy-protocol.txt of HAProxy). No I/O: bytes in, a
//! header and its length out, or "more bytes", or a refusal. Whether a source may send one at all is the caller's decision.
#![forbid(unsafe_code)]

use core::fmt;
use core::net::SocketAddr;

pub mod fuzz;
mod v1;
mod v2;

pub use v1::V1_BYTES_MAX;
pub use v2::V2_BYTES_MAX;

/// What a header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Source and destination, both of one family; `None` where the connection is the proxy's own (LOCAL), of unknown
    /// kind, or over a unix socket: the socket's own addresses count then.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The client reached the proxy over TLS (version 2, PP2_TYPE_SSL with PP2_CLIENT_SSL).
    pub secure: bool,
    /// The server name of that TLS connection (version 2, PP2_TYPE_AUTHORITY), or nothing.
    pub authority: &'a [u8],
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyError {
    /// The first bytes are of neither version.
    NoHeader,
    /// A line of version 1 without CR LF within its 107 bytes, or with a bare LF.
    BadLine,
    /// Version 1 with a family, an address or a port that is none.
    BadAddress,
    /// Version 2 with a version, command, family or protocol that is none.
    BadCommand,
    /// Version 2 with a length that does not fit its family, or is over the limit.
    BadLength,
    /// Version 2 with an extension that is cut.
    BadExtension,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoHeader => "a trusted proxy sent no PROXY header",
            Self::BadLine => "the PROXY line does not end where it should",
            Self::BadAddress => "the PROXY line has a bad address",
            Self::BadCommand => "the PROXY header has an unknown version, command or family",
            Self::BadLength => "the PROXY header has a bad length",
            Self::BadExtension => "the PROXY header has a cut extension",
        })
    }
}

impl core::error::Error for ProxyError {}

/// The header at the begin of `bytes` and its length, or `None` while it is cut.
///
/// # Errors
/// As soon as the bytes cannot become a header of either version.
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

/// Whether `bytes` begin with `start`, or could once more bytes come; an error where they cannot.
fn begins(bytes: &[u8], start: &[u8]) -> Result<bool, ProxyError> {
    let same = bytes.iter().zip(start).all(|(have, want)| have == want);
    if same { Ok(bytes.len() >= start.len()) } else { Err(ProxyError::NoHeader) }
}
