//! Version 2: a binary header of 16 bytes, addresses, extensions.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::header::{Header, ProxyError, begins};

/// The longest header taken, of the 65551 bytes that are possible: addresses and TLS facts take
/// some 600.
pub const V2_BYTES_MAX: usize = 4096;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const PREFIX_BYTES: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_SSL: u8 = 0x20;
const CLIENT_SSL: u8 = 0x01;

pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Header<'_>, usize)>, ProxyError> {
    if !begins(bytes, SIGNATURE)? {
        return Ok(None);
    }
    let Some((prefix, rest)) = bytes.split_at_checked(PREFIX_BYTES) else { return Ok(None) };
    let [.., command, family, high, low] = prefix else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let whole = PREFIX_BYTES + length;
    if whole > V2_BYTES_MAX {
        return Err(ProxyError::BadLength);
    }
    let addresses_len = address_bytes(*command, *family)?;
    if length < addresses_len {
        return Err(ProxyError::BadLength);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let (addresses, extensions) = body.split_at_checked(addresses_len).ok_or(ProxyError::BadLength)?;
    let mut header = Header { addresses: None, secure: false, authority: b"" };
    // Of LOCAL, a health check of the proxy itself, everything is to be ignored (section 2.2).
    if *command == PROXY {
        header.addresses = pair(*family, addresses);
        take_extensions(extensions, &mut header)?;
    }
    Ok(Some((header, whole)))
}

/// Returns the number of bytes of addresses that the family has. LOCAL may have any: they are
/// skipped with the rest.
fn address_bytes(command: u8, family: u8) -> Result<usize, ProxyError> {
    match (command, family) {
        (LOCAL, _) | (PROXY, 0x00) => Ok(0),
        (PROXY, 0x11 | 0x12) => Ok(12),
        (PROXY, 0x21 | 0x22) => Ok(36),
        (PROXY, 0x31 | 0x32) => Ok(216),
        _ => Err(ProxyError::BadCommand),
    }
}

/// Returns source and destination of a TCP connection; `None` for every other kind.
fn pair(family: u8, bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (ips, ports) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
    let (source, destination) = ips.split_at_checked(ips.len() / 2)?;
    let [a, b, c, d] = *ports else { return None };
    let source = SocketAddr::new(ip(family, source)?, u16::from_be_bytes([a, b]));
    let destination = SocketAddr::new(ip(family, destination)?, u16::from_be_bytes([c, d]));
    Some((source, destination))
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match family {
        TCP4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        TCP6 => <[u8; 16]>::try_from(bytes).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

/// Reads the extensions we know and checks the lengths of all.
fn take_extensions<'a>(mut rest: &'a [u8], header: &mut Header<'a>) -> Result<(), ProxyError> {
    while !rest.is_empty() {
        let [kind, high, low, after @ ..] = rest else { return Err(ProxyError::BadExtension) };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, next) = after.split_at_checked(length).ok_or(ProxyError::BadExtension)?;
        match *kind {
            TYPE_AUTHORITY => header.authority = value,
            TYPE_SSL => header.secure = value.first().is_some_and(|client| client & CLIENT_SSL != 0),
            _ => {}
        }
        rest = next;
    }
    Ok(())
}

pub(crate) fn encode(out: &mut Vec<u8>, addresses: Option<(SocketAddr, SocketAddr)>) {
    out.extend_from_slice(SIGNATURE);
    match addresses {
        Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
            out.extend_from_slice(&[PROXY, TCP4, 0, 12]);
            out.extend_from_slice(&source.ip().octets());
            out.extend_from_slice(&destination.ip().octets());
            put_ports(out, source.port(), destination.port());
        }
        Some((source, destination)) => {
            out.extend_from_slice(&[PROXY, TCP6, 0, 36]);
            out.extend_from_slice(&wide(source.ip()).octets());
            out.extend_from_slice(&wide(destination.ip()).octets());
            put_ports(out, source.port(), destination.port());
        }
        None => out.extend_from_slice(&[LOCAL, 0, 0, 0]),
    }
}

fn put_ports(out: &mut Vec<u8>, source: u16, destination: u16) {
    out.extend_from_slice(&source.to_be_bytes());
    out.extend_from_slice(&destination.to_be_bytes());
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}
