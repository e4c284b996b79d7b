//! The request as the backend gets it: written again from the typed fields, the client's own fields
//! after them.

use std::net::IpAddr;

use fosse_http1::{HeadWriter, Host, Name, NameSet, Unwritable, is_request_id, members, same_name, write_number};
use fosse_settings::{Backend, DispatchSite, Underscores};
use fosse_wire::request::{BodyLength, RequestHead};

const HOST: Name = Name::new("Host");
const X_FORWARDED_FOR: Name = Name::new("X-Forwarded-For");
const X_FORWARDED_PROTO: Name = Name::new("X-Forwarded-Proto");
const X_FORWARDED_HOST: Name = Name::new("X-Forwarded-Host");
const X_REQUEST_ID: Name = Name::new("X-Request-ID");
const X_FORWARDED_PORT: Name = Name::new("X-Forwarded-Port");
const FORWARDED: Name = Name::new("Forwarded");
const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");
const EXPECT: Name = Name::new("Expect");
const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");

/// Fields that never pass: hop by hop (RFC 9110, section 7.6.1), framing, those written here, and
/// those clients use to lie about where they come from or what they ask for.
static DROPPED: NameSet<22> = NameSet::new([
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-connection",
    "proxy",
    "expect",
    "http2-settings",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-original-host",
    "x-request-id",
]);

/// Fields whose names begin so do not pass either.
const FORWARDING: &[u8] = b"x-forwarded-";

/// Fields of these sets that a trusted proxy wrote about its client, and that pass.
static OF_TRUSTED: NameSet<5> =
    NameSet::new(["x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip"]);

/// Those that are written here whoever sent them: parse has looked at them and decided.
static DECIDED: NameSet<2> = NameSet::new(["x-forwarded-for", "x-forwarded-proto"]);

fn is_dropped(name: &[u8], trusted: bool) -> bool {
    let forwarding = name.get(..FORWARDING.len()).is_some_and(|start| same_name(start, FORWARDING));
    if trusted {
        forwarding && DECIDED.contains(name) || DROPPED.contains(name) && !OF_TRUSTED.contains(name)
    } else {
        forwarding || DROPPED.contains(name)
    }
}

/// Returns whether a field does not pass where responses are evaluated: it asks for coded ones, or
/// for parts of one that say nothing each. A server may always respond as if it were not there (RFC
/// 9110, sections 12.5.3 and 14.2).
fn hinders_inspection(name: &[u8]) -> bool {
    named(&[b"accept-encoding", b"range", b"if-range"], name)
}

/// Returns the names that the client's Connection fields declare hop by hop, besides the usual two.
fn declared<'a>(head: &RequestHead<'a>) -> Vec<&'a [u8]> {
    head.fields
        .all(b"connection")
        .flat_map(members)
        .filter(|m| !m.eq_ignore_ascii_case(b"keep-alive") && !m.eq_ignore_ascii_case(b"close"))
        .collect()
}

fn named(names: &[&[u8]], name: &[u8]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// The reason why a head was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// parse let something through that it must not, or is not parse any more.
    Unwritable(Unwritable),
    /// The site refuses names with an underscore.
    Underscore,
}

impl From<Unwritable> for Refused {
    fn from(why: Unwritable) -> Self {
        Self::Unwritable(why)
    }
}

/// Writes the head into `out`. `expect`: the body waits for 100 Continue.
///
/// # Errors
/// [`Refused`]; `out` is then as before.
pub(crate) fn write(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    site: &DispatchSite,
    backend: &Backend,
    expect: bool,
) -> Result<(), Refused> {
    let dropped = declared(head);
    let mut to = HeadWriter::request(out, head.method, head.target)?;
    to.own_by(HOST, |value| put_authority(value, head.host, head.host_port))?;
    for (name, value) in head.fields {
        if is_dropped(name, head.trusted) || site.inspect_responses && hinders_inspection(name) || named(&dropped, name) {
            continue;
        }
        match site.underscores {
            Underscores::Pass => {}
            Underscores::Drop if name.contains(&b'_') => continue,
            Underscores::Refuse if name.contains(&b'_') => return Err(Refused::Underscore),
            Underscores::Drop | Underscores::Refuse => {}
        }
        to.field(name, value)?;
    }
    if site.inspect_responses {
        to.field(b"Accept-Encoding", b"identity")?;
    }
    forwarded(&mut to, head)?;
    request_id(&mut to, head)?;
    match head.body {
        BodyLength::None => {}
        BodyLength::Exact(length) => to.content_length(length),
        BodyLength::Chunked => to.own(TRANSFER_ENCODING, b"chunked")?,
    }
    if expect {
        to.own(EXPECT, b"100-continue")?;
    }
    if offers_upgrade(head, backend) {
        to.own(CONNECTION, b"Upgrade")?;
        to.own(UPGRADE, head.upgrade)?;
    }
    to.finish();
    Ok(())
}

/// Returns whether the client's token goes on: where the backend's configuration names it and there
/// is no body.
pub(crate) fn offers_upgrade(head: &RequestHead<'_>, backend: &Backend) -> bool {
    head.body == BodyLength::None
        && !head.upgrade.is_empty()
        && backend.upgrade.iter().any(|u| u.as_bytes().eq_ignore_ascii_case(head.upgrade))
}

fn put_authority(value: &mut Vec<u8>, host: &[u8], port: u16) {
    value.extend_from_slice(host);
    if port != 0 {
        value.push(b':');
        write_number(value, u64::from(port));
    }
}

/// Returns the host and port that a trusted proxy says its client asked for, where it says one.
fn host_of_proxy(head: &RequestHead<'_>) -> Option<Host> {
    let mut named = head.fields.all(X_FORWARDED_HOST.as_bytes()).filter(|_| head.trusted);
    // A list is the word of several proxies, or of a client that was not looked at.
    Host::parse(named.next()?).ok().filter(|_| named.next().is_none())
}

/// Writes X-Forwarded-For, -Proto, -Host, -Port and Forwarded (RFC 7239), from what parse decided
/// and what a trusted proxy wrote, and nothing another client wrote. The host is the one asked for,
/// with its port (RFC 7239, section 5.3): applications make addresses of it.
fn forwarded(to: &mut HeadWriter<'_>, head: &RequestHead<'_>) -> Result<(), Unwritable> {
    let proto: &[u8] = if head.secure { b"https" } else { b"http" };
    let client = head.client.ip();
    let address = match client {
        Some(ip) => to.own_by(X_FORWARDED_FOR, |value| write_address(value, ip))?,
        None => 0..0,
    };
    to.own(X_FORWARDED_PROTO, proto)?;
    let proxied = host_of_proxy(head);
    let (host, port) = proxied.as_ref().map_or((head.host, head.host_port), |h| (h.name(), h.port().unwrap_or(0)));
    let says = |name: Name| head.trusted && head.fields.all(name.as_bytes()).next().is_some();
    if !says(X_FORWARDED_HOST) {
        to.own_by(X_FORWARDED_HOST, |value| put_authority(value, host, port))?;
    }
    if !says(X_FORWARDED_PORT) {
        let usual = if head.secure { 443 } else { 80 };
        to.own_by(X_FORWARDED_PORT, |value| write_number(value, u64::from(if port == 0 { usual } else { port })))?;
    }
    to.own_by(FORWARDED, |value| {
        let (before, after): (&[u8], &[u8]) = match client {
            Some(IpAddr::V4(_)) => (b"for=", b";proto="),
            Some(IpAddr::V6(_)) => (b"for=\"[", b"]\";proto="),
            None => (b"for=unknown", b";proto="),
        };
        value.extend_from_slice(before);
        // The address is in the same buffer already: making the text costs more than all the rest.
        value.extend_from_within(address);
        for part in [after, proto, b";host=\""] {
            value.extend_from_slice(part);
        }
        put_authority(value, host, port);
        value.push(b'"');
    })
    .map(drop)
}

/// Writes X-Request-ID: a trusted proxy's own, where it sends one, else the number that the logs
/// have.
fn request_id(to: &mut HeadWriter<'_>, head: &RequestHead<'_>) -> Result<(), Unwritable> {
    let theirs = if head.trusted { head.fields.all(b"x-request-id").next() } else { None };
    to.own_by(X_REQUEST_ID, |value| match theirs.filter(|id| is_request_id(id)) {
        Some(id) => value.extend_from_slice(id),
        None => put_hexadecimal(value, head.request),
    })
    .map(drop)
}

/// Writes all 16 digits, as logs and pages do.
fn put_hexadecimal(text: &mut Vec<u8>, number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.extend((0..16).rev().map(|place| DIGITS[usize::try_from(number >> (place * 4) & 0xf).unwrap_or(0)]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::{cursor::Cursor, fields};

    fn written(list: &[(&[u8], &[u8])], site: &DispatchSite) -> Result<String, Refused> {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().copied()).unwrap();
        let head = RequestHead {
            method: b"GET",
            target: b"/",
            host: b"a.example",
            fields: fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap(),
            ..RequestHead::default()
        };
        let mut out = Vec::new();
        write(&mut out, &head, site, &Backend::default(), false)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_clients_lie_with_does_not_pass() {
        let names = [
            "X-Forwarded-For",
            "x-forwarded-anything",
            "Forwarded",
            "X-Real-IP",
            "Proxy",
            "Content-Length",
            "TE",
            "Host",
        ];
        for name in names {
            let text = written(&[(name.as_bytes(), b"6.6.6.6"), (b"Keep", b"me")], &DispatchSite::default()).unwrap();
            assert!(!text.contains("6.6.6.6") && text.contains("Keep: me\r\n"), "{name}: {text}");
        }
    }

    #[test]
    fn the_backend_hears_of_the_client_what_parse_decided() {
        for (address, plain, quoted) in [
            ("192.0.2.109", "192.0.2.109", "192.0.2.109"),
            ("::ffff:10.0.0.7", "10.0.0.7", "10.0.0.7"),
            ("2001:db8::1", "2001:db8::1", "\"[2001:db8::1]\""),
        ] {
            let client = fosse_wire::request::Endpoint::from_socket((address.parse::<IpAddr>().unwrap(), 1).into());
            let head =
                RequestHead { method: b"GET", target: b"/", host: b"a.example", client, ..RequestHead::default() };
            let mut out = Vec::new();
            write(&mut out, &head, &DispatchSite::default(), &Backend::default(), false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&format!("\r\nX-Forwarded-For: {plain}\r\n")), "{text}");
            let forwarded = format!("\r\nForwarded: for={quoted};proto=http;host=\"a.example\"\r\n");
            assert!(text.contains(&forwarded), "{text}");
        }
    }

    #[test]
    fn the_request_has_the_number_of_the_logs_and_a_trusted_proxys_name_for_it_stays() {
        for (trusted, theirs, expected) in [
            (false, "from-a-stranger", "00000000000000ab"),
            (true, "3f9c-11ee_A.b", "3f9c-11ee_A.b"),
            (true, "", "00000000000000ab"),
            (true, "a b", "00000000000000ab"),
            (true, &"x".repeat(129), "00000000000000ab"),
        ] {
            let mut bytes = Vec::new();
            fields::put(&mut bytes, [(&b"x-request-ID"[..], theirs.as_bytes())]).unwrap();
            let fields = fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap();
            let (method, target, host) = (&b"GET"[..], &b"/"[..], &b"a.example"[..]);
            let head = RequestHead { method, target, host, trusted, request: 0xab, fields, ..RequestHead::default() };
            let mut out = Vec::new();
            write(&mut out, &head, &DispatchSite::default(), &Backend::default(), false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&format!("\r\nX-Request-ID: {expected}\r\n")), "{theirs}: {text}");
            assert_eq!(text.to_ascii_lowercase().matches("x-request-id").count(), 1, "{text}");
        }
    }

    #[test]
    fn the_host_that_was_asked_for_is_said_with_its_port() {
        for (host_port, secure, authority, port) in
            [(0, false, "a.example", 80), (0, true, "a.example", 443), (8080, true, "a.example:8080", 8080)]
        {
            let head =
                RequestHead { method: b"GET", target: b"/", host: b"a.example", host_port, secure, ..Default::default() };
            let mut out = Vec::new();
            write(&mut out, &head, &DispatchSite::default(), &Backend::default(), false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&format!("\r\nHost: {authority}\r\n")), "{text}");
            assert!(text.contains(&format!("\r\nX-Forwarded-Host: {authority}\r\nX-Forwarded-Port: {port}\r\n")));
            assert!(text.contains(&format!(";host=\"{authority}\"\r\n")), "{text}");
        }
    }

    #[test]
    fn fields_named_by_connection_do_not_pass() {
        let list: [(&[u8], &[u8]); 3] = [(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"X-End", b"2")];
        let text = written(&list, &DispatchSite::default()).unwrap();
        assert!(!text.contains("X-Hop") && text.contains("X-End: 2"));
    }

    #[test]
    fn where_responses_are_evaluated_they_are_asked_for_whole_and_plain() {
        let list: [(&[u8], &[u8]); 4] =
            [(b"Accept-Encoding", b"gzip, br"), (b"Range", b"bytes=0-9"), (b"If-Range", b"\"x\""), (b"Keep", b"me")];
        let site = DispatchSite { inspect_responses: true, ..DispatchSite::default() };
        let text = written(&list, &site).unwrap();
        assert!(text.contains("\r\nAccept-Encoding: identity\r\n") && text.contains("Keep: me\r\n"), "{text}");
        assert!(!text.contains("gzip") && !text.contains("ange:"), "{text}");
        let text = written(&list, &DispatchSite::default()).unwrap();
        assert!(text.contains("gzip, br") && text.contains("Range: bytes=0-9"), "{text}");
    }

    #[test]
    fn underscores_do_as_the_site_says() {
        let site = |underscores| DispatchSite { underscores, ..DispatchSite::default() };
        let list: [(&[u8], &[u8]); 1] = [(b"a_b", b"1")];
        assert!(!written(&list, &site(Underscores::Drop)).unwrap().contains("a_b"));
        assert!(written(&list, &site(Underscores::Pass)).unwrap().contains("a_b: 1"));
        assert_eq!(written(&list, &site(Underscores::Refuse)), Err(Refused::Underscore));
    }

    #[test]
    fn bytes_that_would_split_a_head_are_refused_and_nothing_is_written() {
        for (name, value) in
            [(&b"a\r\nb"[..], &b"x"[..]), (b"a", b"x\r\ny: z"), (b"a", b"\0"), (b"a b", b"x"), (b"", b"x")]
        {
            assert!(matches!(written(&[(name, value)], &DispatchSite::default()), Err(Refused::Unwritable(_))));
        }
    }
}
