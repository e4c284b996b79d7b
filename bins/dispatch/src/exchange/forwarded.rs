//! What an application hears of the client and of what it asked for: X-Forwarded-For and its kin,
//! and Forwarded (RFC 7239).

use std::{net::IpAddr, ops::Range};

use fosse_http1::{HeadWriter, Host, Name, Unwritable, forwarded_hops, write_number};
use fosse_wire::request::{Endpoint, RequestHead};

use super::passing::is_of_proxy;
use crate::policies::Policy;

const X_FORWARDED_FOR: Name = Name::new("X-Forwarded-For");
const X_REAL_IP: Name = Name::new("X-Real-IP");
const X_FORWARDED_PROTO: Name = Name::new("X-Forwarded-Proto");
const X_FORWARDED_HOST: Name = Name::new("X-Forwarded-Host");
const X_FORWARDED_PORT: Name = Name::new("X-Forwarded-Port");
const X_FORWARDED_PREFIX: Name = Name::new("X-Forwarded-Prefix");
const FORWARDED: Name = Name::new("Forwarded");

/// Appends a host and its port, if it has one.
pub(super) fn put_authority(value: &mut Vec<u8>, host: &[u8], port: u16) {
    value.extend_from_slice(host);
    if port != 0 {
        value.push(b':');
        write_number(value, u64::from(port));
    }
}

/// Returns whether a trusted proxy wrote the fields of the request that begin with X-Forwarded.
/// Where it writes Forwarded instead, they may be its client's.
pub(super) const fn has_fields_of_proxy(head: &RequestHead<'_>) -> bool {
    head.trusted && !head.forwarded
}

/// Returns whether a field that a trusted proxy wrote may pass, where it is one about its client.
pub(super) fn may_pass(name: &[u8], policy: &Policy) -> bool {
    let Some(named) = &policy.settings.proxy_headers else { return true };
    !is_of_proxy(name) || named.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name))
}

/// Returns whether a field of that name of a trusted proxy counts.
fn counts(name: Name, head: &RequestHead<'_>, policy: &Policy) -> bool {
    has_fields_of_proxy(head) && may_pass(name.as_bytes(), policy)
}

/// Returns the host and port that a trusted proxy says its client asked for, where it says one.
fn host_of_proxy(head: &RequestHead<'_>, policy: &Policy) -> Option<Host> {
    if head.trusted && head.forwarded {
        return host_of_element(head);
    }
    if !counts(X_FORWARDED_HOST, head, policy) {
        return None;
    }
    let mut named = head.fields.all(X_FORWARDED_HOST.as_bytes());
    // A list is the word of several proxies, or of a client that was not looked at.
    Host::parse(named.next()?).ok().filter(|_| named.next().is_none())
}

/// Returns the host in the element of Forwarded where parse has found the client: the rightmost one
/// with its address, or with none. What is to the left of it may be the client's own.
fn host_of_element(head: &RequestHead<'_>) -> Option<Host> {
    let lines: Vec<&[u8]> = head.fields.all(FORWARDED.as_bytes()).collect();
    let is_client = |address| Endpoint::from_socket(address).addr == head.client.addr;
    forwarded_hops(lines.into_iter().rev()).find(|hop| hop.client.is_none_or(is_client))?.host()
}

/// Writes X-Forwarded-For, -Proto, -Host, -Port, X-Real-IP and Forwarded (RFC 7239), from what
/// parse decided and what a trusted proxy wrote, and nothing another client wrote. The host is the
/// one asked for, with its port (RFC 7239, section 5.3): applications make addresses of it. What
/// the policy sets or leaves out is not written.
pub(super) fn put(to: &mut HeadWriter<'_>, head: &RequestHead<'_>, policy: &Policy) -> Result<(), Unwritable> {
    let changed = |name: Name| policy.request.drop(name.as_bytes());
    let says = |name: Name| changed(name) || counts(name, head, policy) && head.fields.has(name.as_bytes());
    let mut address = 0..0;
    if let Some(ip) = head.client.ip() {
        if !changed(X_FORWARDED_FOR) {
            address = to.own_by(X_FORWARDED_FOR, |value| write_address(value, ip))?;
        }
        if !says(X_REAL_IP) {
            to.own_by(X_REAL_IP, |value| again(value, &address, ip))?;
        }
    }
    if !changed(X_FORWARDED_PROTO) {
        to.own(X_FORWARDED_PROTO, proto(head))?;
    }
    let proxied = host_of_proxy(head, policy);
    let (host, port) = proxied.as_ref().map_or((head.host, head.host_port), |h| (h.name(), h.port().unwrap_or(0)));
    if !says(X_FORWARDED_HOST) {
        to.own_by(X_FORWARDED_HOST, |value| put_authority(value, host, port))?;
    }
    if !says(X_FORWARDED_PORT) {
        let usual = if head.secure { 443 } else { 80 };
        to.own_by(X_FORWARDED_PORT, |value| write_number(value, u64::from(if port == 0 { usual } else { port })))?;
    }
    put_prefix(to, head, policy)?;
    if changed(FORWARDED) { Ok(()) } else { put_forwarded(to, head, &address, (host, port)) }
}

const fn proto(head: &RequestHead<'_>) -> &'static [u8] {
    if head.secure { b"https" } else { b"http" }
}

/// Writes Forwarded. The address of the client may be in the buffer already.
fn put_forwarded(
    to: &mut HeadWriter<'_>,
    head: &RequestHead<'_>,
    address: &Range<usize>,
    (host, port): (&[u8], u16),
) -> Result<(), Unwritable> {
    to.own_by(FORWARDED, |value| {
        let client = head.client.ip();
        let (before, after): (&[u8], &[u8]) = match client {
            Some(IpAddr::V4(_)) => (b"for=", b";proto="),
            Some(IpAddr::V6(_)) => (b"for=\"[", b"]\";proto="),
            None => (b"for=unknown", b";proto="),
        };
        value.extend_from_slice(before);
        if let Some(ip) = client {
            again(value, address, ip);
        }
        for part in [after, proto(head), b";host=\""] {
            value.extend_from_slice(part);
        }
        put_authority(value, host, port);
        value.push(b'"');
    })
    .map(drop)
}

/// Writes the prefix that the path has lost, after those that it has lost before.
fn put_prefix(to: &mut HeadWriter<'_>, head: &RequestHead<'_>, policy: &Policy) -> Result<(), Unwritable> {
    let strip = policy.settings.prefixes.as_ref().map_or("", |prefixes| prefixes.strip.as_str());
    if strip.is_empty() || policy.request.drop(X_FORWARDED_PREFIX.as_bytes()) {
        return Ok(());
    }
    let before = if counts(X_FORWARDED_PREFIX, head, policy) {
        head.fields.all(X_FORWARDED_PREFIX.as_bytes()).next()
    } else {
        None
    };
    to.own_by(X_FORWARDED_PREFIX, |value| {
        value.extend_from_slice(before.unwrap_or_default());
        value.extend_from_slice(strip.as_bytes());
    })
    .map(drop)
}

/// Returns whether that prefix is written here, in place of the one that a proxy wrote.
pub(super) fn is_own_prefix(name: &[u8], policy: &Policy) -> bool {
    policy.settings.prefixes.as_ref().is_some_and(|prefixes| !prefixes.strip.is_empty())
        && name.eq_ignore_ascii_case(X_FORWARDED_PREFIX.as_bytes())
}

/// Writes an address that may be in the same buffer already: making the text costs more than all
/// the rest.
fn again(value: &mut Vec<u8>, written: &Range<usize>, ip: IpAddr) {
    if written.is_empty() { write_address(value, ip) } else { value.extend_from_within(written.clone()) }
}

/// Writes an address; IPv4 by hand, as formatting took a tenth of the time a request needs here.
fn write_address(text: &mut Vec<u8>, ip: IpAddr) {
    use std::io::Write as _;
    match ip {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    text.push(b'.');
                }
                write_number(text, u64::from(octet));
            }
        }
        // A Vec takes everything.
        IpAddr::V6(v6) => drop(write!(text, "{v6}")),
    }
}
