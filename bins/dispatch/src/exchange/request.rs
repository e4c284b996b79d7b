//! The request as the backend gets it: written again from the typed fields, the client's own fields
//! after them.

use fosse_http1::{HeadWriter, Name, Unwritable, VIA_NAME, is_request_id, same_name, write_number};
use fosse_settings::{Backend, Underscores};
use fosse_wire::request::{BodyLength, RequestHead, Version};

use super::{
    affinity,
    forwarded::{self, put_authority},
    headers::{text, with_facts},
    passing::{declared, hinders_inspection, is_dropped, named, reads_as_dropped},
    refused::Refused,
};
use crate::policies::Policy;

const HOST: Name = Name::new("Host");
const X_REQUEST_ID: Name = Name::new("X-Request-ID");
const VIA: Name = Name::new("Via");
const MAX_FORWARDS: Name = Name::new("Max-Forwards");
const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");
const EXPECT: Name = Name::new("Expect");
const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");

/// Writes the head into `out`. `expect`: the body waits for 100 Continue.
///
/// # Errors
/// [`Refused`]; `out` is then as before.
pub(crate) fn write(
    out: &mut Vec<u8>,
    head: &RequestHead<'_>,
    policy: &Policy,
    backend: &Backend,
    expect: bool,
) -> Result<(), Refused> {
    let mut to = HeadWriter::request(out, head.method, head.target)?;
    let host = policy.settings.host.as_ref().map(|host| text(host, head)).filter(|host| !host.is_empty());
    match &host {
        Some(host) => to.own(HOST, host)?,
        None => to.own_by(HOST, |value| put_authority(value, head.host, head.host_port)).map(drop)?,
    }
    put_client_fields(&mut to, head, policy, backend)?;
    if backend.via && !policy.request.drop(VIA.as_bytes()) {
        let protocol: &[u8] = if head.version == Version::Http10 { b"1.0 " } else { b"1.1 " };
        to.own_by(VIA, |via| [protocol, VIA_NAME.as_bytes()].iter().for_each(|part| via.extend_from_slice(part)))?;
    }
    if policy.settings.inspect_responses {
        to.field(b"Accept-Encoding", b"identity")?;
    }
    forwarded::put(&mut to, head, policy)?;
    if !policy.request.drop(X_REQUEST_ID.as_bytes()) {
        put_request_id(&mut to, head)?;
    }
    put_edited_fields(&mut to, head, policy)?;
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

/// Writes the fields that the policy adds.
fn put_edited_fields(to: &mut HeadWriter<'_>, head: &RequestHead<'_>, policy: &Policy) -> Result<(), Refused> {
    if policy.request.is_empty() {
        return Ok(());
    }
    let values = with_facts(head, |facts| policy.request.values(facts));
    let has =
        |name: &[u8]| head.fields.into_iter().any(|(field, _)| same_name(field, name) && !is_dropped(field, false));
    let mut written = policy.request.written(&values, head.secure, has);
    written.try_for_each(|(name, value)| Ok(to.field(name, value)?))
}

/// Writes the fields of the client that pass.
fn put_client_fields(
    to: &mut HeadWriter<'_>,
    head: &RequestHead<'_>,
    policy: &Policy,
    backend: &Backend,
) -> Result<(), Refused> {
    let inspects = policy.settings.inspect_responses;
    let dropped = declared(head);
    let counts_hops = matches!(head.method, b"OPTIONS" | b"TRACE");
    let of_proxy = forwarded::has_fields_of_proxy(head);
    for (name, value) in head.fields {
        if is_dropped(name, of_proxy)
            || inspects && hinders_inspection(name)
            || named(&dropped, name)
            || policy.request.drop(name)
            || policy.is_of_checks(name)
            || of_proxy && forwarded::is_own_prefix(name, policy)
        {
            continue;
        }
        if name.contains(&b'_') {
            match policy.settings.underscores {
                Underscores::Refuse => return Err(Refused::Underscore),
                Underscores::Drop => continue,
                Underscores::Pass if reads_as_dropped(name, policy) => continue,
                Underscores::Pass => {}
            }
        }
        if counts_hops && same_name(name, b"max-forwards") {
            one_hop_less(to, value)?;
            continue;
        }
        match affinity::without_own(name, value, backend) {
            Some(rest) if rest.is_empty() => {}
            Some(rest) => to.field(name, &rest)?,
            None => to.field(name, value)?,
        }
    }
    Ok(())
}

/// Returns whether the client's token goes on: where the backend's configuration names it. A body
/// (docker exec has one) is sent before the protocol changes.
pub(crate) fn offers_upgrade(head: &RequestHead<'_>, backend: &Backend) -> bool {
    !head.upgrade.is_empty() && backend.upgrade.iter().any(|u| u.as_bytes().eq_ignore_ascii_case(head.upgrade))
}

/// Writes Max-Forwards for the next proxy (RFC 9110, section 7.6.2). parse lets no request pass
/// that may go no further; a number that is too large for us stays larger than any way is long.
fn one_hop_less(to: &mut HeadWriter<'_>, value: &[u8]) -> Result<(), Unwritable> {
    let text = core::str::from_utf8(value).map_err(|_| Unwritable::Value)?;
    let hops = match text.parse::<u64>() {
        Ok(hops) => hops - u64::from(hops > 0),
        Err(_) => u64::from(u32::MAX),
    };
    to.own_by(MAX_FORWARDS, |value| write_number(value, hops)).map(drop)
}

/// Writes X-Request-ID: a trusted proxy's own, where it sends one, else the number that the logs
/// have.
pub(super) fn put_request_id(to: &mut HeadWriter<'_>, head: &RequestHead<'_>) -> Result<(), Unwritable> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_settings::DispatchPolicy;
    use std::net::IpAddr;

    use fosse_wire::{cursor::Cursor, fields};

    fn policy(settings: DispatchPolicy) -> Policy {
        Policy::from(settings)
    }

    fn written(list: &[(&[u8], &[u8])], policy: &Policy) -> Result<String, Refused> {
        written_as(false, list, policy)
    }

    fn written_as(trusted: bool, list: &[(&[u8], &[u8])], policy: &Policy) -> Result<String, Refused> {
        let mut bytes = Vec::new();
        fields::put(&mut bytes, list.iter().copied()).unwrap();
        let head = RequestHead {
            method: b"GET",
            target: b"/",
            host: b"a.example",
            trusted,
            fields: fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap(),
            ..RequestHead::default()
        };
        let mut out = Vec::new();
        write(&mut out, &head, policy, &Backend::default(), false)?;
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
            let text = written(&[(name.as_bytes(), b"6.6.6.6"), (b"Keep", b"me")], &Policy::default()).unwrap();
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
            write(&mut out, &head, &Policy::default(), &Backend::default(), false).unwrap();
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
            write(&mut out, &head, &Policy::default(), &Backend::default(), false).unwrap();
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
            let head = RequestHead {
                method: b"GET",
                target: b"/",
                host: b"a.example",
                host_port,
                secure,
                ..Default::default()
            };
            let mut out = Vec::new();
            write(&mut out, &head, &Policy::default(), &Backend::default(), false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&format!("\r\nHost: {authority}\r\n")), "{text}");
            assert!(text.contains(&format!("\r\nX-Forwarded-Host: {authority}\r\nX-Forwarded-Port: {port}\r\n")));
            assert!(text.contains(&format!(";host=\"{authority}\"\r\n")), "{text}");
        }
    }

    #[test]
    fn a_request_says_which_way_it_came_and_how_far_it_may_go() {
        let head = |method, version| RequestHead { method, version, target: b"/", host: b"a", ..Default::default() };
        let mut bytes = Vec::new();
        fields::put(&mut bytes, [(&b"Via"[..], &b"1.1 cdn"[..]), (b"max-forwards", b"10")]).unwrap();
        let fields = fields::Fields::decode(&mut Cursor::new(&bytes)).unwrap();
        for (method, version, hops, via) in [
            (&b"OPTIONS"[..], Version::Http11, "Max-Forwards: 9", "Via: 1.1 cdn\r\nMax-Forwards: 9\r\nVia: 1.1 fosse"),
            (b"TRACE", Version::Http10, "Max-Forwards: 9", "Via: 1.0 fosse"),
            (b"GET", Version::Http11, "max-forwards: 10", "Via: 1.1 fosse"),
        ] {
            let (mut out, backend) = (Vec::new(), Backend { via: true, ..Backend::default() });
            let head = RequestHead { fields, ..head(method, version) };
            write(&mut out, &head, &Policy::default(), &backend, false).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(&format!("\r\n{hops}\r\n")) && text.contains(&format!("{via}\r\n")), "{text}");
        }
        assert!(!written(&[], &Policy::default()).unwrap().contains("Via"));
    }

    #[test]
    fn fields_named_by_connection_do_not_pass() {
        let list: [(&[u8], &[u8]); 3] = [(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"X-End", b"2")];
        let text = written(&list, &Policy::default()).unwrap();
        assert!(!text.contains("X-Hop") && text.contains("X-End: 2"));
    }

    #[test]
    fn where_responses_are_evaluated_they_are_asked_for_whole_and_plain() {
        let list: [(&[u8], &[u8]); 4] =
            [(b"Accept-Encoding", b"gzip, br"), (b"Range", b"bytes=0-9"), (b"If-Range", b"\"x\""), (b"Keep", b"me")];
        let site = policy(DispatchPolicy { inspect_responses: true, ..DispatchPolicy::default() });
        let text = written(&list, &site).unwrap();
        assert!(text.contains("\r\nAccept-Encoding: identity\r\n") && text.contains("Keep: me\r\n"), "{text}");
        assert!(!text.contains("gzip") && !text.contains("ange:"), "{text}");
        let text = written(&list, &Policy::default()).unwrap();
        assert!(text.contains("gzip, br") && text.contains("Range: bytes=0-9"), "{text}");
    }

    #[test]
    fn underscores_do_as_the_site_says() {
        let site = |underscores| policy(DispatchPolicy { underscores, ..DispatchPolicy::default() });
        let list: [(&[u8], &[u8]); 1] = [(b"a_b", b"1")];
        assert!(!written(&list, &site(Underscores::Drop)).unwrap().contains("a_b"));
        assert!(written(&list, &site(Underscores::Pass)).unwrap().contains("a_b: 1"));
        assert_eq!(written(&list, &site(Underscores::Refuse)), Err(Refused::Underscore));
    }

    #[test]
    fn underscores_make_no_name_that_does_not_pass_into_one_that_does() {
        let mut site = policy(DispatchPolicy { underscores: Underscores::Pass, ..DispatchPolicy::default() });
        let names =
            ["X_Forwarded_For", "X-forwarded_Any", "x_real-ip", "X_Request_ID", "HTTP2_Settings", "X_ORIGINAL_URL"];
        for name in names {
            for trusted in [false, true] {
                let text = written_as(trusted, &[(name.as_bytes(), b"6.6.6.6"), (b"a_b", b"1")], &site).unwrap();
                assert!(!text.contains("6.6.6.6") && text.contains("a_b: 1"), "{name}, {trusted}: {text}");
            }
        }
        let list: [(&[u8], &[u8]); 1] = [(b"Accept_Encoding", b"br")];
        assert!(written(&list, &site).unwrap().contains("Accept_Encoding: br"));
        site.settings.inspect_responses = true;
        assert!(!written(&list, &site).unwrap().contains("Accept_Encoding"));
    }

    #[test]
    fn bytes_that_would_split_a_head_are_refused_and_nothing_is_written() {
        for (name, value) in
            [(&b"a\r\nb"[..], &b"x"[..]), (b"a", b"x\r\ny: z"), (b"a", b"\0"), (b"a b", b"x"), (b"", b"x")]
        {
            assert!(matches!(written(&[(name, value)], &Policy::default()), Err(Refused::Unwritable(_))));
        }
    }
}
