//! Responses of a backend: strict in, strict out, never HTTP/0.9.

use fosse_http1::{HeadLimits, HeadWriter, Refusal, ResponseBody, ResponseHead, Unwritable, write_number};

fn parse(head: &str, to_head: bool) -> Result<ResponseHead<'_>, Refusal> {
    ResponseHead::parse(head.as_bytes(), to_head, &HeadLimits::DEFAULT)
}

#[test]
fn every_response_ends_where_its_head_says() {
    for (head, to_head, body, keep_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::Exact(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, ResponseBody::None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, ResponseBody::Chunked, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, ResponseBody::None, true),
        ("HTTP/1.1 200\r\n\r\n", false, ResponseBody::UntilClose, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::Exact(5), false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::Exact(5), true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::Exact(5), false),
        ("HTTP/1.1 204 No Content\r\n\r\n", false, ResponseBody::None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false, ResponseBody::None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::None, false),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", false, ResponseBody::None, false),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, ResponseBody::None, true),
        ("HTTP/1.1 100 Continue\r\n\r\n", false, ResponseBody::None, true),
        ("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", false, ResponseBody::Exact(0), true),
    ] {
        let head_parsed = parse(head, to_head).unwrap();
        assert_eq!((head_parsed.body, head_parsed.keep_alive), (body, keep_alive), "{head:?}");
    }
}

#[test]
fn every_malformed_response_is_refused() {
    for head in [
        "",
        "\r\n\r\n",
        "<html>\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 20\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 1000 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 \0\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n",
    ] {
        assert!(parse(head, false).is_err(), "{head:?}");
    }
}

#[test]
fn a_switch_needs_the_accept_of_its_own_key() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let response = parse(head, false).unwrap();
    assert!(response.accepts_websocket(b"dGhlIHNhbXBsZSBub25jZQ=="));
    assert!(!response.accepts_websocket(b"AGhlIHNhbXBsZSBub25jZQ=="));
}

#[test]
fn a_written_field_cannot_become_two() {
    let mut out = b"before".to_vec();
    let mut head = HeadWriter::request(&mut out, b"GET", b"/").unwrap();
    for (name, value, why) in [
        ("A", "b\r\nC: d", Unwritable::Value),
        ("A", "b\rc", Unwritable::Value),
        ("A", "b\nc", Unwritable::Value),
        ("A", "b\0c", Unwritable::Value),
        ("A", " b", Unwritable::Value),
        ("A", "b\t", Unwritable::Value),
        ("A:", "b", Unwritable::Name),
        ("A ", "b", Unwritable::Name),
        ("", "b", Unwritable::Name),
        ("A\r\nB", "b", Unwritable::Name),
    ] {
        assert_eq!(head.field(name.as_bytes(), value.as_bytes()), Err(why), "{name:?}: {value:?}");
    }
    drop(head);
    assert_eq!(out, b"before", "an unfinished head leaves nothing");
    for (method, target) in
        [("GET /", "/"), ("", "/"), ("GET", ""), ("GET", "/ HTTP/1.1\r\n"), ("GET", "a"), ("GET", "/\u{e9}")]
    {
        assert!(HeadWriter::request(&mut out, method.as_bytes(), target.as_bytes()).is_err(), "{method:?} {target:?}");
    }
    assert!(HeadWriter::response(&mut out, 99, b"").is_err());
    assert!(HeadWriter::response(&mut out, 200, b"OK\r\nA: b").is_err());
    assert_eq!(out, b"before");
}

#[test]
fn writes_heads_and_numbers() {
    let mut out = Vec::new();
    let mut head = HeadWriter::response(&mut out, 200, b"OK").unwrap();
    head.field(b"Server-Timing", b"a, b").unwrap();
    head.content_length(0);
    head.finish();
    assert_eq!(out, b"HTTP/1.1 200 OK\r\nServer-Timing: a, b\r\nContent-Length: 0\r\n\r\n");
    for number in [0, 9, 10, 99, 100, 12_345, u64::MAX] {
        let mut text = Vec::new();
        write_number(&mut text, number);
        assert_eq!(text, number.to_string().into_bytes());
    }
}
