//! Forwarded (RFC 7239), read from the right: the last element is that of the nearest proxy, and
//! what is to the left of it may be anything that a client wrote.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::class::{is_token_byte, trim_end};
use crate::host::Host;

/// Digits of a port (RFC 7239, section 6).
const PORT_DIGITS_MAX: usize = 5;

/// One element: what a proxy says of who asked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardedHop<'a> {
    /// The address that asked the proxy, port 0 where it names none; `None` where it names no
    /// address.
    pub client: Option<SocketAddr>,
    /// It asked over https.
    pub secure: bool,
    host: &'a [u8],
}

impl ForwardedHop<'_> {
    /// Returns the host that it asked for, where the proxy says a valid one.
    #[must_use]
    pub fn host(&self) -> Option<Host> {
        Host::parse(self.host).ok()
    }
}

/// Iterates over the elements of the field lines from the right, up to the first that names no
/// address (`for` is `unknown`, obfuscated as `_x`, no node, or not there), and without one that
/// breaks the grammar: it is not known who wrote what is to the left of such a one. `lines`: the
/// values, the last one first.
pub fn forwarded_hops<'a>(lines: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = ForwardedHop<'a>> {
    lines
        .flat_map(elements)
        .map_while(|element| element.ok().map(|element| element.hop()))
        .scan(true, |goes_on, hop| core::mem::replace(goes_on, hop.client.is_some()).then_some(hop))
}

/// An element breaks the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Malformed;

/// The parameters of one element that RFC 7239 names. Their values have no escapes in them that are
/// resolved: no address, scheme or host needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Element<'a> {
    node: Option<&'a [u8]>,
    by: Option<&'a [u8]>,
    proto: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
}

impl<'a> Element<'a> {
    /// Takes a parameter; each may be there once (section 4). Extensions are nobody's here.
    fn put(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Malformed> {
        let known = [
            (&b"for"[..], &mut self.node),
            (b"by", &mut self.by),
            (b"proto", &mut self.proto),
            (b"host", &mut self.host),
        ];
        match known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, slot)) if slot.is_some() => Err(Malformed),
            Some((_, slot)) => {
                *slot = Some(value);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn hop(&self) -> ForwardedHop<'a> {
        let client = self.node.and_then(|node| core::str::from_utf8(node).ok()).and_then(address);
        let secure = self.proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
        ForwardedHop { client, secure, host: self.host.unwrap_or_default() }
    }
}

/// Parses a node (section 6) that is an address: IPv4, or IPv6 in brackets, and a port or none.
fn address(node: &str) -> Option<SocketAddr> {
    if let Some(rest) = node.strip_prefix('[') {
        let (ip, port) = rest.split_once(']')?;
        return Some(SocketAddr::new(IpAddr::V6(ip.parse().ok()?), port_of(port)?));
    }
    let (ip, port) = node.split_at(node.find(':').unwrap_or(node.len()));
    Some(SocketAddr::new(IpAddr::V4(ip.parse::<Ipv4Addr>().ok()?), port_of(port)?))
}

/// Returns the port of `:PORT`; 0 for nothing, and for an obfuscated one.
fn port_of(text: &str) -> Option<u16> {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty().then_some(0) };
    match port.strip_prefix('_') {
        Some(name) => (!name.is_empty() && name.bytes().all(is_obfuscation)).then_some(0),
        None if port.len() <= PORT_DIGITS_MAX && port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok(),
        None => None,
    }
}

const fn is_obfuscation(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Iterates over the elements of one field line from the right; a malformed one is the last. Empty
/// ones are passed over, which a list may have (RFC 9110, section 5.6.1.2), and so are spaces
/// around semicolons, which proxies write.
///
/// What a proxy has appended reads the same whatever is before it, the beginning of a quoted string
/// too, which would swallow it if the line were read from the left.
const fn elements(line: &[u8]) -> Elements<'_> {
    Elements { rest: line }
}

struct Elements<'a> {
    /// The bytes to the left of those that were read.
    rest: &'a [u8],
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rest = trim_end(self.rest);
        while let Some(left) = self.rest.strip_suffix(b",") {
            self.rest = trim_end(left);
        }
        if self.rest.is_empty() {
            return None;
        }
        let element = take_element(&mut self.rest);
        if element.is_err() {
            self.rest = b"";
        }
        Some(element)
    }
}

/// Takes the last element off, with the comma before it.
fn take_element<'a>(rest: &mut &'a [u8]) -> Result<Element<'a>, Malformed> {
    let mut element = Element::default();
    loop {
        *rest = trim_end(rest);
        // Between semicolons there may be nothing (section 4).
        if !matches!(rest, [] | [.., b',' | b';']) {
            let (name, value) = take_pair(rest).ok_or(Malformed)?;
            element.put(name, value)?;
            *rest = trim_end(rest);
        }
        match rest {
            [] => return Ok(element),
            [left @ .., b','] => {
                *rest = left;
                return Ok(element);
            }
            [left @ .., b';'] => *rest = left,
            _ => return Err(Malformed),
        }
    }
}

/// Takes the last `name=value` off.
fn take_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let value = match rest.strip_suffix(b"\"") {
        Some(left) => take_quoted(rest, left)?,
        None => take_token(rest)?,
    };
    *rest = rest.strip_suffix(b"=")?;
    Some((take_token(rest)?, value))
}

fn take_token<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = rest.iter().rev().take_while(|byte| is_token_byte(**byte)).count();
    let (left, token) = rest.split_at(rest.len() - len);
    *rest = left;
    (len > 0).then_some(token)
}

/// Takes a quoted string off, of which `left` has all but the last quotation mark. It begins at the
/// next mark without a backslash before it: one of its own has one, and what is before the first
/// mark is an equals sign.
fn take_quoted<'a>(rest: &mut &'a [u8], left: &'a [u8]) -> Option<&'a [u8]> {
    let mark = |at: &usize| left[*at] == b'"' && left[..*at].last() != Some(&b'\\');
    let begin = (0..left.len()).rev().find(mark)?;
    let (before, text) = (&left[..begin], &left[begin + 1..]);
    *rest = before;
    is_quoted_text(text).then_some(text)
}

/// Returns whether each backslash is before a byte, and each quotation mark after one.
fn is_quoted_text(text: &[u8]) -> bool {
    let mut escaped = false;
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of a line, the last one first.
    fn hops(line: &str) -> Vec<String> {
        forwarded_hops([line.as_bytes()].into_iter()).filter_map(|hop| Some(hop.client?.to_string())).collect()
    }

    #[test]
    fn elements_are_read_from_the_right() {
        for (line, expected) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", &["192.0.2.60:0"][..]),
            ("For=\"[2001:db8:cafe::17]:4711\"", &["[2001:db8:cafe::17]:4711"]),
            ("for=192.0.2.43, for=198.51.100.17", &["198.51.100.17:0", "192.0.2.43:0"]),
            ("for=192.0.2.43,for=\"198.51.100.17:80\";by=_edge-1.a", &["198.51.100.17:80", "192.0.2.43:0"]),
            ("for=192.0.2.43 ; proto=https ,, ,for=\"[::1]:_port\"\t", &["[::1]:0", "192.0.2.43:0"]),
            (";;for=192.0.2.1;;ext=\"a,b;c\\\"\\\\\";", &["192.0.2.1:0"]),
            ("", &[]),
            (" , ,", &[]),
        ] {
            assert_eq!(hops(line), expected, "{line}");
        }
    }

    /// Last elements that name no address.
    const WITHOUT_ADDRESS: [&str; 36] = [
        "for=unknown",
        "for=\"unknown:80\"",
        "for=_hidden",
        "for=\"_SEVKISEK:_x\"",
        "proto=https;by=10.0.0.1",
        ";",
        "for=",
        "for=\"\"",
        "for =10.0.0.1",
        "for= 10.0.0.1",
        "for=10.0.0.1:80",
        "for=[::1]",
        "for=\"::1\"",
        "for=\"[::1\"",
        "for=\"[::1%eth0]\"",
        "for=\"[::1]80\"",
        "for=\"[10.0.0.1]\"",
        "for=\"10.0.0.1:\"",
        "for=\"10.0.0.1:65536\"",
        "for=\"10.0.0.1:000080\"",
        "for=\"10.0.0.1:_\"",
        "for=\"10.0.0.1:_a b\"",
        "for=\"10.0.0.1:+80\"",
        "for=010.0.0.1",
        "for=10.1",
        "for=\"10.0.0.\\1\"",
        "for=10.0.0.1;for=10.0.0.2",
        "for=10.0.0.1;proto=http;Proto=https",
        "for=10.0.0.1 for=10.0.0.2",
        "for=10.0.0.1;proto",
        "10.0.0.1",
        "for=10.0.0.1\"",
        "for=10.0.0.1;host=a\"b\"",
        "for=10.0.0.1;host=\"a\\\"",
        "f\"r=10.0.0.1",
        "=10.0.0.1",
    ];

    #[test]
    fn an_element_that_names_no_address_ends_the_walk() {
        for last in WITHOUT_ADDRESS {
            assert_eq!(hops(&format!("for=6.6.6.6, {last}")), Vec::<String>::new(), "{last}");
            assert_eq!(hops(&format!("for=6.6.6.6, {last}, for=192.0.2.1")), ["192.0.2.1:0"], "{last}");
            let lines = [&b"for=192.0.2.1"[..], last.as_bytes(), b"for=6.6.6.6"];
            assert_eq!(forwarded_hops(lines.into_iter()).filter(|hop| hop.client.is_some()).count(), 1, "{last}");
        }
    }

    #[test]
    fn nothing_that_a_client_writes_reaches_into_what_a_proxy_appends() {
        let before = ["for=\"", "host=\"a\\", "\"", "for=6.6.6.6;host=\"x", "\\", "=", ";", "a=\"b\"c", "\u{e9}\""];
        for client in before {
            for appended in ["for=192.0.2.1;host=\"a\\\"b\"", "for=\"192.0.2.1:5\"", "proto=https;for=192.0.2.1"] {
                let found = hops(&format!("{client}, {appended}"));
                assert!(found.first().is_some_and(|hop| hop.starts_with("192.0.2.1:")), "{client}: {found:?}");
                assert!(found.len() == 1, "{client}: {found:?}");
            }
        }
    }

    #[test]
    fn an_element_says_the_scheme_and_the_host_as_well() {
        let line =
            b"for=6.6.6.6;proto=https, for=_x;proto=HTTPS;host=\"www.Example:8443\", for=192.0.2.1;host=a_b.example, \
            for=10.0.0.1;host=\"a b\"";
        let hops: Vec<_> = forwarded_hops([&line[..]].into_iter()).collect();
        let said: Vec<_> = hops.iter().map(|hop| (hop.secure, hop.host())).collect();
        let host = |text: &str| Host::parse(text.as_bytes()).ok();
        assert_eq!(said, [(false, None), (false, host("a_b.example")), (true, host("www.example:8443"))]);
    }
}
