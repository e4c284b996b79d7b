//! Every known way to make two programs disagree about where a request ends or whom it is for is
//! refused.

use fosse_http1::{BodyLength, HeadLimits, Refusal, RequestHead, Version, find_head_end};

/// Request line and Host before the lines in question.
fn with(lines: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n").into_bytes()
}

fn refusal(head: &[u8]) -> Option<Refusal> {
    RequestHead::parse(head, &HeadLimits::DEFAULT).err()
}

#[test]
fn refuses_every_form_of_two_lengths() {
    for (lines, why) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Refusal::LengthAndEncoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Refusal::LengthAndEncoding),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Refusal::ContentLengthRepeated),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", Refusal::ContentLengthRepeated),
        ("Content-Length: 5, 5\r\n", Refusal::BadContentLength),
        ("Content-Length: 5,6\r\n", Refusal::BadContentLength),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refusal::EncodingRepeated),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", Refusal::EncodingRepeated),
        ("Content_Length: 5\r\n", Refusal::FramingLookalike),
        ("Transfer_Encoding: chunked\r\n", Refusal::FramingLookalike),
        ("transfer_encoding: chunked\r\nContent-Length: 5\r\n", Refusal::FramingLookalike),
    ] {
        assert_eq!(refusal(&with(lines)), Some(why), "{lines:?}");
    }
}

#[test]
fn refuses_every_length_that_is_not_plain_digits() {
    for value in [
        "",
        "+5",
        "-5",
        "05",
        "00",
        " +5",
        "5 5",
        "0x5",
        "5;",
        "5.0",
        "5e1",
        "'5'",
        "\"5\"",
        "five",
        "99999999999999999999",
        "18446744073709551616",
        "\u{ff15}",
        "5\u{b}",
        "5\0",
    ] {
        let why = refusal(&with(&format!("Content-Length: {value}\r\n")));
        assert!(matches!(why, Some(Refusal::BadContentLength | Refusal::BadFieldValue)), "{value:?}: {why:?}");
    }
}

#[test]
fn refuses_every_transfer_coding_but_chunked() {
    for value in [
        "",
        "identity",
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "xchunked",
        "chunkedx",
        "chunk",
        "\"chunked\"",
        "'chunked'",
        "chunked;q=1",
        "chunked\u{a0}",
        "c\u{127}unked",
        "chunked chunked",
    ] {
        assert_eq!(
            refusal(&with(&format!("Transfer-Encoding: {value}\r\n"))),
            Some(Refusal::EncodingUnsupported),
            "{value:?}"
        );
    }
    for value in ["chunked\u{b}", "\u{b}chunked", "chunked\0", "chunked\r", "\u{7f}chunked", "chun\rked"] {
        assert!(refusal(&with(&format!("Transfer-Encoding: {value}\r\n"))).is_some(), "{value:?}");
    }
    let old = b"POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refusal(old), Some(Refusal::EncodingInOldVersion));
}

#[test]
fn refuses_every_hidden_field_name() {
    for (lines, why) in [
        ("Transfer-Encoding : chunked\r\n", Refusal::BadFieldName),
        ("Transfer-Encoding\t: chunked\r\n", Refusal::BadFieldName),
        ("Transfer-Encoding\u{b}: chunked\r\n", Refusal::BadFieldName),
        ("Transfer\u{a0}Encoding: chunked\r\n", Refusal::BadFieldName),
        ("Content-Length : 5\r\n", Refusal::BadFieldName),
        ("Content-Length\0: 5\r\n", Refusal::BadFieldName),
        (" Transfer-Encoding: chunked\r\n", Refusal::ObsoleteFold),
        ("\tTransfer-Encoding: chunked\r\n", Refusal::ObsoleteFold),
        ("Transfer-Encoding:\r\n chunked\r\n", Refusal::EncodingUnsupported),
        ("X: y\r\n Transfer-Encoding: chunked\r\n", Refusal::ObsoleteFold),
        ("X: y\r\n\tz\r\n", Refusal::ObsoleteFold),
        ("Foo\r\n", Refusal::NoColon),
        (": 5\r\n", Refusal::BadFieldName),
        ("X: y\rTransfer-Encoding: chunked\r\n", Refusal::BareCarriageReturn),
        ("X: y\r\r\n", Refusal::BareCarriageReturn),
        ("X: y\nTransfer-Encoding: chunked\r\n", Refusal::BareLineFeed),
        ("\rX: y\r\n", Refusal::BadFieldName),
        ("X: \0\r\n", Refusal::BadFieldValue),
        ("X: \u{1b}[2J\r\n", Refusal::BadFieldValue),
    ] {
        assert_eq!(refusal(&with(lines)), Some(why), "{lines:?}");
    }
}

#[test]
fn refuses_every_doubtful_host() {
    for (lines, why) in [
        ("Host: a\r\nHost: a\r\n", Refusal::HostRepeated),
        ("Host: a\r\nhost: b\r\n", Refusal::HostRepeated),
        ("Host: a\r\nContent-Type: text/xml\r\ncontent-type: text/html\r\n", Refusal::ContentTypeRepeated),
        ("Host:\r\n", Refusal::BadHost),
        ("Host: a, b\r\n", Refusal::BadHost),
        ("Host: a b\r\n", Refusal::BadHost),
        ("Host: a/b\r\n", Refusal::BadHost),
        ("Host: user@a\r\n", Refusal::BadHost),
        ("Host: a:80:90\r\n", Refusal::BadHost),
        ("Host : a\r\n", Refusal::BadFieldName),
        (" Host: a\r\n", Refusal::ObsoleteFold),
    ] {
        for version in ["1.0", "1.1"] {
            let head = format!("GET / HTTP/{version}\r\n{lines}\r\n");
            assert_eq!(refusal(head.as_bytes()), Some(why), "{head:?}");
        }
    }
    assert_eq!(refusal(b"GET / HTTP/1.1\r\n\r\n"), Some(Refusal::HostMissing));
    let parse = |head: &'static [u8]| RequestHead::parse(head, &HeadLimits::DEFAULT).unwrap().host;
    assert_eq!(parse(b"OPTIONS / HTTP/1.0\r\n\r\n").name(), b"");
    assert_eq!(parse(b"GET http://a.example/ HTTP/1.0\r\n\r\n").name(), b"a.example");
    let two = b"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n";
    assert_eq!(refusal(two), Some(Refusal::HostDisagrees));
    let same = b"GET http://A.example./x HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assert_eq!(refusal(same), None);
}

#[test]
fn refuses_every_doubtful_request_line() {
    for (line, why) in [
        ("GET  / HTTP/1.1", Refusal::BadRequestLine),
        ("GET /  HTTP/1.1", Refusal::BadRequestLine),
        ("GET / HTTP/1.1 ", Refusal::BadRequestLine),
        (" GET / HTTP/1.1", Refusal::BadMethod),
        ("GET\t/\tHTTP/1.1", Refusal::BadRequestLine),
        ("GET /", Refusal::BadRequestLine),
        ("GET", Refusal::BadRequestLine),
        ("", Refusal::BadRequestLine),
        ("GET / HTTP/1.1\rX", Refusal::BadVersion),
        ("GET /a\rb HTTP/1.1", Refusal::BadTarget),
        ("GET /a\0 HTTP/1.1", Refusal::BadTarget),
        ("GET /\u{e9} HTTP/1.1", Refusal::BadTarget),
        ("G\u{e9}T / HTTP/1.1", Refusal::BadMethod),
        ("GET: / HTTP/1.1", Refusal::BadMethod),
        ("GET / http/1.1", Refusal::BadVersion),
        ("GET / HTTP/1.1.1", Refusal::BadVersion),
        ("GET / HTTP/11", Refusal::BadVersion),
        ("GET / HTTP/1.01", Refusal::BadVersion),
        ("GET / HTTP /1.1", Refusal::BadRequestLine),
        ("GET / HTTP/0.9", Refusal::VersionUnsupported),
        ("GET / HTTP/1.2", Refusal::VersionUnsupported),
        ("GET / HTTP/2.0", Refusal::VersionUnsupported),
        ("CONNECT a:443 HTTP/1.1", Refusal::Connect),
        ("GET a.example HTTP/1.1", Refusal::BadTargetForm),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1", Refusal::MethodTooLong),
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(refusal(head.as_bytes()), Some(why), "{line:?}");
    }
    assert_eq!(refusal(b"PRI * HTTP/2.0\r\n\r\n"), Some(Refusal::VersionUnsupported));
    assert_eq!(Refusal::VersionUnsupported.status(), 505);
}

#[test]
fn refuses_connection_and_expect_it_cannot_read() {
    for (lines, why) in [
        ("Connection: close\u{a0}\r\n", Refusal::BadConnection),
        ("Connection: keep alive\r\n", Refusal::BadConnection),
        ("Content-Length: 1\r\nExpect: 100-continue, x\r\n", Refusal::BadExpect),
        ("Connection: close, Content-Type\r\n", Refusal::ConnectionNamesField),
        ("Connection: cookie\r\n", Refusal::ConnectionNamesField),
        ("Connection: X-Forwarded-For\r\n", Refusal::ConnectionNamesField),
        ("Connection: close\r\nConnection: HOST\r\n", Refusal::ConnectionNamesField),
        ("Expect: 200-maybe\r\n", Refusal::BadExpect),
        ("Expect: y 100-continue\r\n", Refusal::BadExpect),
    ] {
        assert_eq!(refusal(&with(lines)), Some(why), "{lines:?}");
    }
}

#[test]
fn a_head_cut_in_the_wrong_place_is_refused() {
    let head = with("Content-Length: 5\r\n");
    assert_eq!(refusal(&head), None);
    for end in 0..head.len() {
        assert!(refusal(&head[..end]).is_some(), "cut at {end}");
    }
    let mut longer = head.clone();
    longer.extend_from_slice(b"GET");
    assert_eq!(refusal(&longer), Some(Refusal::HeadCutWrong));
}

#[test]
fn limits_have_their_own_statuses() {
    let long = |count: usize| "a".repeat(count);
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8192));
    assert_eq!(refusal(target.as_bytes()).map(Refusal::status), Some(414));
    let field = with(&format!("X: {}\r\n", long(16384)));
    assert_eq!(refusal(&field).map(Refusal::status), Some(431));
    let many = with(&"X: y\r\n".repeat(128));
    assert_eq!(refusal(&many), Some(Refusal::TooManyFields));
    let big = with(&format!("X: {0}\r\nX: {0}\r\nX: {0}\r\n", long(12000)));
    assert_eq!(refusal(&big), Some(Refusal::HeadTooLong));
    assert_eq!(fosse_http1::unfinished_too_long(b"GET /aaaa").status(), 414);
    assert_eq!(fosse_http1::unfinished_too_long(b"GET / HTTP/1.1\r\nX").status(), 431);
}

#[test]
fn gathers_the_facts_of_good_requests() {
    let parse = |head: &'static str| RequestHead::parse(head.as_bytes(), &HeadLimits::DEFAULT).unwrap();
    let get = parse("GET /a?b HTTP/1.1\r\nHost: A.Example:8080\r\nAccept: \t*/* \r\nCookie: a=\u{e9}\r\n\r\n");
    assert_eq!((get.method, get.target, get.body, get.keep_alive), (&b"GET"[..], &b"/a?b"[..], BodyLength::None, true));
    assert_eq!((get.host.as_str(), get.host.port()), ("a.example", Some(8080)));
    assert_eq!(get.fields.first("accept"), Some(&b"*/*"[..]));
    assert_eq!(get.fields.iter().count(), 3);
    let post = parse(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nExpect: 100-Continue\r\nConnection: close\r\n\r\n",
    );
    assert_eq!((post.body, post.expect_continue, post.keep_alive), (BodyLength::Chunked, true, false));
    let old = parse("GET / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!((old.body, old.expect_continue, old.keep_alive), (BodyLength::Exact(0), false, false));
    assert!(parse("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
}

#[test]
fn upgrades_only_when_everything_is_in_order() {
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    let head = |lines: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let good = head(&format!("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n{key}"));
    assert_eq!(RequestHead::parse(good.as_bytes(), &HeadLimits::DEFAULT).unwrap().upgrade, Some(&b"websocket"[..]));
    for ignored in [
        format!("Upgrade: websocket\r\n{key}"),
        format!("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n{key}"),
        format!("Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n{key}"),
    ] {
        let text = head(&ignored);
        assert_eq!(RequestHead::parse(text.as_bytes(), &HeadLimits::DEFAULT).unwrap().upgrade, None, "{ignored}");
    }
    let docker = b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(RequestHead::parse(docker, &HeadLimits::DEFAULT).unwrap().upgrade, Some(&b"tcp"[..]));
    for (offer, upgrade) in
        [("SPDY/3.1", Some("SPDY/3.1")), ("a/", None), ("/1", None), ("a/1/2", None), ("a, b", None)]
    {
        let text = head(&format!("Connection: Upgrade\r\nUpgrade: {offer}\r\n"));
        let parsed = RequestHead::parse(text.as_bytes(), &HeadLimits::DEFAULT).unwrap();
        assert_eq!(parsed.upgrade, upgrade.map(str::as_bytes), "{offer}");
    }
    for version in ["8", "14", "013", "13, 8"] {
        let key = key.replace("13", version);
        let text = head(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{key}"));
        assert_eq!(refusal(text.as_bytes()), Some(Refusal::WebSocketVersion), "{version}");
    }
    let with_body = format!("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n{key}");
    assert_eq!(refusal(head(&with_body).as_bytes()), Some(Refusal::BadWebSocket));
    for bad in
        ["", "Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"]
    {
        let text = head(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\n{bad}"));
        assert_eq!(refusal(text.as_bytes()), Some(Refusal::BadWebSocket), "{bad}");
    }
}

#[test]
fn httparse_splits_what_is_taken_in_the_same_way() {
    let head = with("Content-Length: 5\r\nAccept: \t*/* \r\nX-Empty:\r\nCookie: a=b; c=d\r\n");
    let ours = RequestHead::parse(&head, &HeadLimits::DEFAULT).unwrap();
    let mut slots = [httparse::EMPTY_HEADER; 16];
    let mut theirs = httparse::Request::new(&mut slots);
    assert_eq!(theirs.parse(&head), Ok(httparse::Status::Complete(head.len())));
    assert_eq!((theirs.method, theirs.path), (Some("POST"), Some("/")));
    let same = ours.fields.iter().map(|field| (field.name, field.value));
    assert!(same.eq(theirs.headers.iter().map(|header| (header.name.as_bytes(), header.value))));
    assert_eq!(find_head_end(&head, 0), Ok(Some(head.len())));
}

#[test]
fn a_head_of_http_2_is_read_by_the_same_rules_and_only_where_it_is_expected() {
    let head = |fields: &str| format!("POST /a HTTP/2.0\r\nhost: a.example\r\n{fields}\r\n");
    let limits = HeadLimits::DEFAULT;
    let read = |fields: &str, is_whole| {
        RequestHead::parse_http2(head(fields).as_bytes(), is_whole, &limits).map(|head| (head.version, head.body))
    };
    assert_eq!(read("", true), Ok((Version::Http2, BodyLength::None)));
    assert_eq!(read("", false), Ok((Version::Http2, BodyLength::Chunked)));
    assert_eq!(read("content-length: 5\r\n", false), Ok((Version::Http2, BodyLength::Exact(5))));
    assert_eq!(read("content-length: 05\r\n", false), Err(Refusal::BadContentLength));
    assert_eq!(read("content_length: 5\r\n", false), Err(Refusal::FramingLookalike));
    assert_eq!(read("host: b\r\n", false), Err(Refusal::HostRepeated));
    assert_eq!(RequestHead::parse(head("").as_bytes(), &limits).map(|_| ()), Err(Refusal::VersionUnsupported));
    let old = head("").replace("2.0", "1.1");
    assert_eq!(RequestHead::parse_http2(old.as_bytes(), true, &limits).map(|_| ()), Err(Refusal::VersionUnsupported));
}
