//! Requests as backends get them.

use super::*;
use fosse_settings::{Access, DispatchPolicy, HeaderChange, HeaderEdit};
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
    let names =
        ["X-Forwarded-For", "x-forwarded-anything", "Forwarded", "X-Real-IP", "Proxy", "Content-Length", "TE", "Host"];
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
        let head = RequestHead { method: b"GET", target: b"/", host: b"a.example", client, ..RequestHead::default() };
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
        let head =
            RequestHead { method: b"GET", target: b"/", host: b"a.example", host_port, secure, ..Default::default() };
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
fn who_a_client_is_a_trusted_proxy_alone_says() {
    let settings = DispatchPolicy {
        identity_headers: vec!["remote-user".into()],
        underscores: Underscores::Pass,
        ..DispatchPolicy::default()
    };
    let site = policy(settings);
    for name in ["Remote-User", "remote-USER", "Remote_User", "X-Forwarded-User", "X_Forwarded-User"] {
        let text = written_as(false, &[(name.as_bytes(), b"root"), (b"Keep", b"me")], &site).unwrap();
        assert!(!text.contains("root") && text.contains("Keep: me\r\n"), "{name}: {text}");
    }
    for name in ["Remote-User", "X-Forwarded-User"] {
        let text = written_as(true, &[(name.as_bytes(), b"alice")], &site).unwrap();
        assert!(text.contains(&format!("\r\n{name}: alice\r\n")), "{text}");
    }
    let text = written_as(true, &[(b"Remote_User", b"root")], &site).unwrap();
    assert!(!text.contains("root"), "{text}");
}

#[test]
fn of_a_trusted_proxys_headers_those_pass_that_the_site_names() {
    let settings = DispatchPolicy {
        proxy_headers: Some(vec!["x-forwarded-user".into(), "x-forwarded-port".into()]),
        ..DispatchPolicy::default()
    };
    let site = policy(settings);
    let list: [(&[u8], &[u8]); 6] = [
        (b"X-Forwarded-User", b"alice"),
        (b"X-Forwarded-Port", b"9"),
        (b"X-Forwarded-Host", b"b.example"),
        (b"X-Real-IP", b"6.6.6.6"),
        (b"X-Forwarded-Whatever", b"6.6.6.6"),
        (b"CF-Connecting-IP", b"6.6.6.6"),
    ];
    let text = written_as(true, &list, &site).unwrap();
    for line in ["X-Forwarded-User: alice", "X-Forwarded-Port: 9", "X-Forwarded-Host: a.example"] {
        assert!(text.contains(&format!("\r\n{line}\r\n")), "{line}: {text}");
    }
    assert!(!text.contains("6.6.6.6") && !text.contains("b.example"), "{text}");
    let text = written_as(true, &list, &Policy::default()).unwrap();
    assert!(text.contains("X-Forwarded-Whatever") && text.contains("X-Forwarded-Host: b.example"), "{text}");
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
    let names = ["X_Forwarded_For", "X-forwarded_Any", "x_real-ip", "X_Request_ID", "HTTP2_Settings", "X_ORIGINAL_URL"];
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
    for (name, value) in [(&b"a\r\nb"[..], &b"x"[..]), (b"a", b"x\r\ny: z"), (b"a", b"\0"), (b"a b", b"x"), (b"", b"x")]
    {
        assert!(matches!(written(&[(name, value)], &Policy::default()), Err(Refused::Unwritable(_))));
    }
}

#[test]
fn no_name_that_has_a_rule_just_passes() {
    let basic_auth = fosse_settings::BasicAuth { user_header: "x-user".into(), ..Default::default() };
    let settings = DispatchPolicy {
        identity_headers: vec!["remote-user".into()],
        inspect_responses: true,
        access: Some(Access { basic_auth: Some(basic_auth), ..Default::default() }),
        request_headers: vec![HeaderEdit { name: "Accept-Language".into(), change: HeaderChange::Remove }],
        ..DispatchPolicy::default()
    };
    let policy = policy(settings);
    let names =
        ["Host", "TE", "X-Forwarded-For", "x-forwarded-anything-at-all-of-a-proxy", "CF-Connecting-IP", "Cookie"]
            .into_iter()
            .chain([
                "Max-Forwards",
                "Accept-Encoding",
                "If-Range",
                "a_b",
                "long-name_",
                "X!User",
                "x-user",
                "REMOTE-USER",
            ])
            .chain(["accept-language", "Authorization"]);
    for name in names {
        assert!(policy.has_rule(name.as_bytes()), "{name}");
    }
    for name in ["Accept", "User-Agent", "Referer", "Sec-Fetch-Site", "Cache-Control"] {
        assert!(!policy.has_rule(name.as_bytes()), "{name} is slow for nothing");
    }
}
