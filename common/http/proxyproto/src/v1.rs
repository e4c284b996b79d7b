//! Version 1: one line of text.

use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use std::io::Write as _;

use crate::header::{Header, ProxyError, begins};

/// The longest line with its CR LF, as the specification counts it.
pub const V1_BYTES_MAX: usize = 107;

pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, ProxyError> {
    if !begins(bytes, b"PROXY ")? {
        return Ok(None);
    }
    let window = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if window.len() < V1_BYTES_MAX { Ok(None) } else { Err(ProxyError::BadLine) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(ProxyError::BadLine)?;
    let text = core::str::from_utf8(line).map_err(|_| ProxyError::BadLine)?;
    if text.contains('\r') || text.contains('\0') {
        return Err(ProxyError::BadLine);
    }
    let addresses = parse(text.strip_prefix("PROXY ").ok_or(ProxyError::NoHeader)?)?;
    Ok(Some((Header { addresses, secure: false, authority: b"" }, end + 1)))
}

/// Parses `TCP4 source destination port port`, the same with TCP6, or `UNKNOWN` and whatever
/// follows it.
fn parse(text: &str) -> Result<Option<(SocketAddr, SocketAddr)>, ProxyError> {
    // The receiver has to ignore what follows UNKNOWN, up to the CR LF (section 2.1).
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(None);
    }
    let mut parts = text.split(' ');
    let mut part = || parts.next().ok_or(ProxyError::BadAddress);
    let (family, source, destination) = (part()?, part()?, part()?);
    let (source_port, destination_port) = (part()?, part()?);
    if parts.next().is_some() {
        return Err(ProxyError::BadAddress);
    }
    let v4 = match family {
        "TCP4" => true,
        "TCP6" => false,
        _ => return Err(ProxyError::BadAddress),
    };
    let source = SocketAddr::new(address(source, v4)?, port(source_port)?);
    let destination = SocketAddr::new(address(destination, v4)?, port(destination_port)?);
    Ok(Some((source, destination)))
}

fn address(text: &str, v4: bool) -> Result<IpAddr, ProxyError> {
    let address = IpAddr::from_str(text).map_err(|_| ProxyError::BadAddress)?;
    if address.is_ipv4() == v4 { Ok(address) } else { Err(ProxyError::BadAddress) }
}

/// Parses 0 to 65535 in digits, without leading zeros.
fn port(text: &str) -> Result<u16, ProxyError> {
    let plain = text == "0" || !text.starts_with('0');
    if !plain || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ProxyError::BadAddress);
    }
    text.parse().map_err(|_| ProxyError::BadAddress)
}

pub(crate) fn encode(out: &mut Vec<u8>, addresses: Option<(SocketAddr, SocketAddr)>) {
    // Writing into a Vec cannot fail.
    let _ = match addresses {
        Some((source, destination)) if source.is_ipv4() == destination.is_ipv4() => {
            let family = if source.is_ipv4() { 4 } else { 6 };
            let (from, to) = (source.ip(), destination.ip());
            write!(out, "PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), destination.port())
        }
        _ => write!(out, "PROXY UNKNOWN\r\n"),
    };
}
