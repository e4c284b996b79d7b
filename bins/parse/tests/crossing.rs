//! Requests and responses across the real program.

mod lane;

use std::io::Write;
use std::time::Duration;

use fosse_parse::limits::EXPECT_MS_MAX;
use fosse_wire::Kind;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::{BodyLength, Version};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use lane::{GET, HELLO, Lane, expect, in_time, readable, rest, say, settings, until_reset};

/// After this time parse sends 100 Continue to a client that waits for it, whether the body is
/// wanted or not.
const EXPECT: Duration = Duration::from_millis(EXPECT_MS_MAX);

const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";

fn ok(body: BodyLength) -> ResponseHead<'static> {
    ResponseHead { status: 200, body, ..Default::default() }
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    let mut last = None;
    for _ in 0..3 {
        say(&client, GET);
        let request = lane.request();
        let head = request.head();
        assert_eq!((head.method, head.target, head.host), (&b"GET"[..], &b"/x?y"[..], &b"a.example"[..]));
        assert_eq!((head.version, head.body, head.site), (Version::Http11, BodyLength::None, 0));
        assert_eq!((head.connection, head.line), (1, &b"GET /x?y HTTP/1.1"[..]));
        assert_eq!(head.client.ip().unwrap().to_string(), "192.0.2.7");
        assert_eq!(head.fields.into_iter().collect::<Vec<_>>(), [(&b"Host"[..], &b"A.Example"[..])]);
        assert_ne!(Some(request.stream), last.replace(request.stream));
        lane.respond(request.stream, b"hello");
        expect(&client, HELLO);
    }
    let log = lane.logged();
    assert!(
        log.contains(
            "\"site\":\"a\",\"host\":\"a.example\",\"method\":\"GET\",\"target\":\"/x?y\",\"version\":\"HTTP/1.1\",\"status\":200"
        ),
        "{log}"
    );
}

#[test]
fn pipelined_requests_wait_their_turn() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, &format!("{GET}POST /2 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc\r\n{GET}"));
    let first = lane.request();
    assert!(lane.is_quiet());
    lane.respond(first.stream, b"hello");
    let second = lane.frame();
    assert_eq!(second.head().target, b"/2");
    assert_eq!(lane.frame().body, b"abc");
    assert_eq!(lane.frame().kind, Kind::RequestEnd);
    assert!(lane.is_quiet());
    lane.respond(second.stream, b"hello");
    let third = lane.request();
    lane.respond(third.stream, b"hello");
    expect(&client, &HELLO.repeat(3));
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let mut lane = Lane::new(&settings());
    let mut client = lane.client();
    for byte in format!("\r\n{GET}").bytes() {
        client.write_all(&[byte]).unwrap();
        // Long enough for parse to see it alone, on most machines; none may see something else in
        // it.
        std::thread::sleep(Duration::from_millis(1));
    }
    let request = lane.request();
    lane.respond(request.stream, b"hello");
    expect(&client, HELLO);
}

#[test]
fn chunks_come_in_without_their_trailers_and_go_out_with_them() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    let request = lane.frame();
    assert_eq!(request.head().body, BodyLength::Chunked);
    say(&client, "5;x=y\r\nhel");
    assert_eq!(lane.frame().body, b"hel");
    say(&client, "lo\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\n");
    assert_eq!(lane.frame().body, b"lo");
    let end = lane.frame();
    let trailers = fosse_wire::request::decode_end(&end.body).unwrap();
    assert!(trailers.is_empty(), "no rule looks at them");
    lane.head(request.stream, &ok(BodyLength::Chunked), &[]);
    lane.data(request.stream, b"hello");
    let mut fields = Vec::new();
    fosse_wire::fields::put(&mut fields, [(&b"X-Sum"[..], &b"2"[..]), (b"Set-Cookie", b"a")]).unwrap();
    let trailers = fosse_wire::fields::Fields::decode(&mut fosse_wire::cursor::Cursor::new(&fields)).unwrap();
    let mut body = Vec::new();
    ResponseEnd { leased_bytes: 0, trailers }.encode(&mut body).unwrap();
    lane.raw(request.stream, Kind::ResponseEnd, &body);
    expect(&client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 2\r\n\r\n");
}

#[test]
fn responses_without_a_body_have_none() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    for (method, status, body, expected) in [
        ("HEAD", 200, BodyLength::Exact(9), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        ("HEAD", 200, BodyLength::Chunked, "HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", 304, BodyLength::Exact(9), "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        ("GET", 204, BodyLength::None, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 200, BodyLength::None, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        say(&client, &format!("{method} / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
        let request = lane.request();
        lane.head(request.stream, &ResponseHead { status, body, ..Default::default() }, &[]);
        lane.end(request.stream, 0);
        expect(&client, expected);
    }
}

#[test]
fn the_page_of_a_denial_is_dropped_after_a_response_to_head() {
    let mut lane = Lane::new(&settings());
    let (denied, other) = (lane.client(), lane.client());
    say(&denied, "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let request = lane.request();
    let head = ResponseHead { status: 403, denied: true, body: BodyLength::Exact(2), ..Default::default() };
    lane.head(request.stream, &head, &[]);
    lane.data(request.stream, b"no");
    lane.end(request.stream, 0);
    assert_eq!(rest(&denied), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    say(&other, GET);
    let request = lane.request();
    lane.respond(request.stream, b"hello");
    expect(&other, HELLO);
}

#[test]
fn old_clients_get_no_chunks_and_keep_alive_only_if_they_ask() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n");
    let request = lane.request();
    lane.respond(request.stream, b"hello");
    expect(&client, "HTTP/1.1 200 OK\r\nX-Is: x\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
    say(&client, "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n");
    let request = lane.request();
    lane.head(request.stream, &ok(BodyLength::Chunked), &[]);
    lane.data(request.stream, b"hello");
    lane.end(request.stream, 0);
    assert_eq!(rest(&client), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
}

#[test]
fn a_client_that_waits_for_100_gets_it_when_the_body_is_wanted() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    for by_credit in [true, false] {
        say(&client, EXPECTING);
        let request = lane.frame();
        assert!(request.head().expect_continue);
        if by_credit {
            lane.raw(request.stream, Kind::RequestCredit, &1u32.to_le_bytes());
        }
        let interim = ResponseHead { status: 100, interim: true, ..Default::default() };
        lane.head(request.stream, &interim, &[]);
        expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
        say(&client, "abc");
        assert_eq!(lane.frame().body, b"abc");
        assert_eq!(lane.frame().kind, Kind::RequestEnd);
        lane.respond(request.stream, b"hello");
        expect(&client, HELLO);
    }
    // Nobody decides: the client is not left waiting.
    say(&client, EXPECTING);
    expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn a_refused_body_is_never_asked_for() {
    let (mut lane, client, request) = in_time(EXPECT, || {
        let mut lane = Lane::new(&settings());
        let client = lane.client_saying(EXPECTING);
        let request = lane.frame();
        let denied = ResponseHead { status: 403, denied: true, body: BodyLength::Exact(2), ..Default::default() };
        lane.head(request.stream, &denied, &[]);
        (lane, client, request)
    });
    assert_eq!(lane.frame().kind, Kind::Reset);
    lane.data(request.stream, b"no");
    lane.end(request.stream, 0);
    expect(&client, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    assert_eq!(rest(&client), "");
}

#[test]
fn no_more_body_goes_into_the_ring_than_was_granted() {
    let mut lane = Lane::new(&settings());
    let mut client = lane.client();
    say(&client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n");
    let sender = {
        let mut client = client.try_clone().unwrap();
        std::thread::spawn(move || client.write_all(&[b'x'; 100_000]).unwrap())
    };
    let request = lane.frame();
    let mut seen = 0;
    let mut granted = 16 * 1024;
    loop {
        while seen < granted.min(100_000) {
            seen += lane.frame().body.len();
        }
        assert_eq!(seen, granted.min(100_000));
        if seen == 100_000 {
            break;
        }
        assert!(lane.is_quiet());
        granted += 20_000;
        lane.raw(request.stream, Kind::RequestCredit, &20_000u32.to_le_bytes());
    }
    assert_eq!(lane.frame().kind, Kind::RequestEnd);
    sender.join().unwrap();
    client.flush().unwrap();
    lane.respond(request.stream, b"hello");
    expect(&client, HELLO);
}

#[test]
fn what_is_no_request_gets_a_local_response_and_a_close() {
    let mut lane = Lane::new(&settings());
    for (text, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\nHost: a.example\n\n", "400 Bad Request"),
        ("\x16\x03\x01", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", "421 Misdirected Request"),
        ("GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", "505 HTTP Version Not Supported"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported"),
        ("CONNECT a.example:1 HTTP/1.1\r\nHost: a.example\r\n\r\n", "501 Not Implemented"),
        ("POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"),
        (&format!("GET /{} HTTP/1.1\r\nHost: a.example\r\n\r\n", "a".repeat(4096)), "414 URI Too Long"),
        (&format!("GET /{}", "a".repeat(16384)), "414 URI Too Long"),
        (&format!("{}X: {}", &GET[..GET.len() - 2], "a".repeat(16384)), "431 Request Header Fields Too Large"),
        (&format!("{}{}\r\n", &GET[..GET.len() - 2], "X: y\r\n".repeat(64)), "431 Request Header Fields Too Large"),
    ] {
        let client = lane.client();
        say(&client, text);
        let response = rest(&client);
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text:?}: {response}");
        assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
    }
    assert!(lane.is_quiet(), "nothing of all this is in the ring");
}

#[test]
fn a_body_that_turns_malformed_never_looks_complete() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(
        &client,
        "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n0\r\n\r\n",
    );
    let request = lane.frame();
    assert_eq!(lane.frame().body, b"hello");
    let reset = lane.frame();
    assert_eq!((reset.kind, reset.stream), (Kind::Reset, request.stream));
    lane.raw(request.stream, Kind::Reset, &[ResetReason::Echo as u8]);
    assert!(rest(&client).starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

#[test]
fn a_client_that_leaves_resets_its_stream_and_the_slot_waits_for_the_ring() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nabc");
    let request = lane.frame();
    assert_eq!(lane.frame().body, b"abc");
    drop(client);
    assert_eq!(lane.frame().kind, Kind::Reset);
    assert_eq!(lane.next_to_accept().0.kind, fosse_wire::channel::Kind::Closed);
    let other = lane.client();
    say(&other, GET);
    let second = lane.request();
    assert_ne!(second.stream.slot(), request.stream.slot());
    // What was already on its way for the client that left reaches no client.
    lane.respond(request.stream, b"wrong");
    lane.respond(second.stream, b"hello");
    expect(&other, HELLO);
    let third = lane.client();
    say(&third, GET);
    let request = lane.request();
    assert_eq!((request.stream.slot(), request.stream.raw() >> 20 > 1), (0, true));
}

#[test]
fn a_response_cut_short_is_a_reset_and_none_is_502() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, GET);
    let request = lane.request();
    lane.head(request.stream, &ok(BodyLength::Chunked), &[]);
    lane.data(request.stream, b"hello");
    expect(&client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    lane.raw(request.stream, Kind::Reset, &[ResetReason::Backend as u8]);
    assert_eq!(until_reset(&client), b"");
    let client = lane.client();
    say(&client, GET);
    let request = lane.request();
    lane.raw(request.stream, Kind::Reset, &[ResetReason::Backend as u8]);
    assert!(rest(&client).starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
}

#[test]
fn a_slow_reader_gets_no_more_credit() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    rustix::net::sockopt::set_socket_recv_buffer_size(&client, 4096).unwrap();
    say(&client, GET);
    let request = lane.request();
    lane.head(request.stream, &ok(BodyLength::Chunked), &[]);
    let mut credit = 16 * 1024usize;
    let mut sent = 0usize;
    while credit > 0 {
        lane.data(request.stream, &vec![b'x'; credit]);
        sent += std::mem::take(&mut credit);
        assert!(sent < 64 << 20, "credit without end");
        if !readable(lane.forward.as_ref().unwrap(), Duration::from_millis(50)) {
            lane.settle();
        }
        let forward = lane.forward.as_mut().unwrap();
        while readable(&*forward, Duration::ZERO) {
            forward.read().unwrap();
            while let Some(frame) = forward.next_frame().unwrap() {
                assert_eq!(frame.kind, Kind::ResponseCredit);
                credit += frame.credit().unwrap() as usize;
            }
        }
    }
    assert!(sent > 16 * 1024);
}

#[test]
fn a_lease_lets_dispatch_write_and_comes_back() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    let mut socket = None;
    for round in 0..2 {
        say(&client, GET);
        let request = lane.request();
        let head = ResponseHead { status: 200, lease: true, body: BodyLength::Exact(5), ..Default::default() };
        lane.head(request.stream, &head, &[]);
        let lease = lane.frame();
        assert_eq!((lease.kind, lease.stream, lease.body.len()), (Kind::Lease, request.stream, 0));
        if round == 0 {
            let (connections, mut fds) = lane.next_to_dispatch();
            assert_eq!((connections, fds.len()), (vec![1], 1));
            socket = fds.pop();
        }
        expect(&client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        rustix::io::write(socket.as_ref().unwrap(), b"hello").unwrap();
        lane.end(request.stream, 5);
        expect(&client, "hello");
    }
    drop(client);
    assert_eq!(lane.next_to_dispatch().0, [1]);
}

#[test]
fn an_upgrade_hands_the_connection_over_with_what_was_read() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(
        &client,
        "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nearly",
    );
    let request = lane.request();
    assert_eq!(request.head().upgrade, b"websocket");
    let head = ResponseHead { status: 101, upgrade: true, lease: true, ..Default::default() };
    lane.head(request.stream, &head, &[("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]);
    let lease = lane.frame();
    assert_eq!((lease.kind, &lease.body[..]), (Kind::Lease, &b"early"[..]));
    expect(
        &client,
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let (_, fds) = lane.next_to_dispatch();
    say(&client, "later");
    lane.settle();
    assert!(readable(&fds[0], lane::SOON));
    let mut bytes = [0; 16];
    assert_eq!(rustix::io::read(&fds[0], &mut bytes), Ok(5), "parse reads nothing any more");
    rustix::io::write(&fds[0], b"reply").unwrap();
    expect(&client, "reply");
    lane.end(request.stream, 5);
    assert_eq!(rest(&client), "");
}

#[test]
fn proxy_headers_and_forwarding_fields_count_for_trusted_sources_only() {
    let mut with_trust = settings();
    let mut addr = [0; 16];
    addr[10..12].copy_from_slice(&[0xff, 0xff]);
    addr[12] = 10;
    with_trust.listeners[1].trusted = vec![fosse_settings::Net { addr, prefix: 104 }];
    let mut lane = Lane::new(&with_trust);
    let record = fosse_wire::channel::Connection { listener: 1, trusted: true, ..Default::default() };
    let client = lane.client_as(record);
    say(
        &client,
        "PROXY TCP4 10.1.1.1 10.2.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.99\r\nX-Forwarded-Proto: https\r\n\r\n",
    );
    let request = lane.request();
    assert_eq!((request.head().client.ip().unwrap().to_string(), request.head().secure), ("192.0.2.99".into(), true));
    let client = lane.client_as(record);
    say(
        &client,
        "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\nGET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.99\r\n\r\n",
    );
    assert_eq!(lane.request().head().client.ip().unwrap().to_string(), "2001:db8::1");
    let client = lane.client_as(record);
    say(&client, GET);
    assert!(rest(&client).starts_with("HTTP/1.1 400 Bad Request\r\n"), "a trusted proxy must send its header");
    let client = lane.client_as(fosse_wire::channel::Connection { trusted: false, ..record });
    say(&client, "PROXY TCP4 10.1.1.1 10.2.2.2 1 2\r\n\r\n");
    assert!(rest(&client).starts_with("HTTP/1.1 400 Bad Request\r\n"), "no other client may");
}

#[test]
fn a_final_response_ends_the_wait_for_100() {
    let (mut lane, client, request) = in_time(EXPECT, || {
        let mut lane = Lane::new(&settings());
        let client = lane.client_saying(EXPECTING);
        let request = lane.frame();
        lane.head(request.stream, &ok(BodyLength::Exact(4)), &[]);
        lane.data(request.stream, b"he");
        (lane, client, request)
    });
    std::thread::sleep(EXPECT);
    lane.settle();
    lane.raw(request.stream, Kind::RequestCredit, &1u32.to_le_bytes());
    lane.data(request.stream, b"re");
    lane.end(request.stream, 0);
    assert_eq!(rest(&client), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere");
    assert_eq!(lane.frame().kind, Kind::Reset);
}

#[test]
fn local_responses_to_head_have_no_body() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, "HEAD / HTTP/1.1\r\nHost: nobody.example\r\n\r\n");
    let response = rest(&client);
    assert!(response.starts_with("HTTP/1.1 421 ") && response.ends_with("\r\n\r\n"), "{response}");
}
