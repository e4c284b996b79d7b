//! Time limits, drains and deaths (promises E13, and "fail closed").

mod lane;

use std::time::Duration;

use fosse_wire::channel;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::{Kind, StreamId};
use lane::{GET, HELLO, Lane, expect, readable, rest, say, settings, until_reset};

#[test]
fn a_dead_ring_costs_503_or_a_reset_and_idle_connections_go_on() {
    for end_cleanly in [true, false] {
        let mut lane = Lane::new(&settings());
        let idle = lane.client();
        say(&idle, GET);
        let request = lane.request();
        lane.answer(request.stream, b"hello");
        expect(&idle, HELLO);
        let waiting = lane.client();
        say(&waiting, GET);
        let _ = lane.request();
        let streaming = lane.client();
        say(&streaming, GET);
        let request = lane.request();
        let head = ResponseHead { status: 200, body: BodyLength::Exact(10), ..Default::default() };
        lane.head(request.stream, &head, &[]);
        lane.data(request.stream, b"hello");
        let partial = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
        expect(&streaming, partial);
        let half = lane.client();
        say(&half, "GET / HTT");
        std::thread::sleep(Duration::from_millis(50));
        if end_cleanly {
            lane.back = None;
        } else {
            lane.raw(request.stream, Kind::Verdict, b"");
        }
        assert!(rest(&waiting).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(rest(&half).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert_eq!(until_reset(&streaming), b"");
        let returned = loop {
            let (message, fds) = lane.told_accept();
            if message.kind == channel::Kind::Return {
                assert_eq!((message.connections.len(), message.connections[0].id), (1, 1));
                break fds;
            }
        };
        assert_eq!(lane.exit().code(), Some(111));
        rustix::io::write(&returned[0], b"still here").unwrap();
        expect(&idle, "still here");
    }
}

/// Something dispatch must never do on a stream.
type Lie<'a> = &'a dyn Fn(&mut Lane, StreamId);

#[test]
fn every_lie_of_the_ring_ends_the_conversation() {
    let chunked = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    let short = ResponseHead { status: 200, body: BodyLength::Exact(3), ..Default::default() };
    let lies: [(&str, Lie<'_>); 12] = [
        ("a line end in a value", &|lane, stream| lane.head(stream, &chunked, &[("X", "a\r\nSet-Cookie: b")])),
        ("a bare LF in a value", &|lane, stream| lane.head(stream, &chunked, &[("X", "a\nb")])),
        ("a colon in a name", &|lane, stream| lane.head(stream, &chunked, &[("X:", "a")])),
        ("an empty name", &|lane, stream| lane.head(stream, &chunked, &[("", "a")])),
        ("a length of its own", &|lane, stream| lane.head(stream, &chunked, &[("content-length", "5")])),
        ("an encoding of its own", &|lane, stream| lane.head(stream, &chunked, &[("Transfer-Encoding", "chunked")])),
        ("more than the length", &|lane, stream| {
            lane.head(stream, &short, &[]);
            lane.data(stream, b"four");
        }),
        ("less than the length", &|lane, stream| {
            lane.head(stream, &short, &[]);
            lane.end(stream, 0);
        }),
        ("more than the credit", &|lane, stream| {
            lane.head(stream, &chunked, &[]);
            lane.data(stream, &[b'x'; 200_000]);
        }),
        ("a second head", &|lane, stream| {
            lane.head(stream, &chunked, &[]);
            lane.head(stream, &chunked, &[]);
        }),
        ("data before the head", &|lane, stream| lane.data(stream, b"x")),
        ("an upgrade nobody asked for", &|lane, stream| {
            lane.head(stream, &ResponseHead { status: 101, upgrade: true, lease: true, ..Default::default() }, &[]);
        }),
    ];
    for (name, lie) in lies {
        let mut lane = Lane::new(&settings());
        let client = lane.client();
        say(&client, GET);
        let request = lane.request();
        lie(&mut lane, request.stream);
        assert_eq!(lane.exit().code(), Some(111), "{name}");
        let mut got = Vec::new();
        let _ = std::io::Read::read_to_end(&mut &client, &mut got);
        assert!(!String::from_utf8_lossy(&got).contains("Set-Cookie"), "{name}");
    }
}

#[test]
fn a_drain_finishes_what_is_under_way_and_hands_back_the_rest() {
    let mut lane = Lane::new(&settings());
    let idle = lane.client();
    say(&idle, GET);
    let request = lane.request();
    lane.answer(request.stream, b"hello");
    expect(&idle, HELLO);
    let busy = lane.client();
    say(&busy, GET);
    let request = lane.request();
    lane.order(ToChild::Drain);
    let (message, _fds) = lane.told_accept();
    assert_eq!((message.kind, message.connections[0].id), (channel::Kind::Return, 1));
    lane.answer(request.stream, b"hello");
    assert_eq!(rest(&busy), "HTTP/1.1 200 OK\r\nX-Is: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    drop(busy);
    // One that accept passed on before it heard of the drain.
    let _late = lane.client();
    assert!(lane.told_accept().0.kind != channel::Kind::List);
    assert_eq!(lane.said(), ToStart::Drained);
    assert_eq!(lane.exit().code(), Some(0));
}

#[test]
fn a_drain_that_takes_too_long_is_cut_off() {
    let mut lane = Lane::new(&fosse_blobs::Parse { drain_ms: 300, ..settings() });
    let client = lane.client();
    say(&client, GET);
    let _ = lane.request();
    lane.order(ToChild::Drain);
    assert_eq!(lane.exit().code(), Some(0));
    assert_eq!(until_reset(&client), b"");
}

#[test]
fn an_accept_started_anew_learns_what_is_held() {
    let mut lane = Lane::new(&settings());
    let _clients = [lane.client(), lane.client()];
    std::thread::sleep(Duration::from_millis(50));
    let mut bytes = Vec::new();
    channel::encode(&mut bytes, channel::Kind::List, &[]);
    fosse_fdpass::send(&lane.accept, &bytes, &[]).unwrap();
    let (open, _) = lane.told_accept();
    assert_eq!((open.kind, open.connections.len()), (channel::Kind::Open, 2));
    let (end, _) = lane.told_accept();
    assert_eq!((end.kind, end.connections.len()), (channel::Kind::Open, 0));
}

#[test]
fn an_accept_that_reads_late_still_learns_all_that_is_held() {
    let mut lane = Lane::new(&settings());
    let _clients = [lane.client(), lane.client()];
    let mut bytes = Vec::new();
    channel::encode(&mut bytes, channel::Kind::List, &[]);
    // Each question has two answers, which nobody reads: more than the channel holds.
    for _ in 0..400 {
        fosse_fdpass::send(&lane.accept, &bytes, &[]).unwrap();
        std::thread::sleep(Duration::from_millis(3));
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut heard = 0;
    while readable(&lane.accept, Duration::ZERO) {
        lane.told_accept();
        heard += 1;
    }
    assert!(heard < 800, "the channel was never full");
    // The rest, to its end.
    while !lane.told_accept().0.connections.is_empty() {}
}

#[test]
fn whoever_dawdles_is_told_and_closed() {
    let quick = fosse_blobs::Parse { head_ms: 200, body_ms: 200, idle_ms: 200, linger_ms: 200, ..settings() };
    let mut lane = Lane::new(&quick);
    let silent = lane.client();
    assert_eq!(rest(&silent), "");
    let head = lane.client();
    say(&head, "GET / HTTP/1.1\r\nHost:");
    assert!(rest(&head).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    let body = lane.client();
    say(&body, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nabc");
    assert!(rest(&body).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(lane.frame().kind, Kind::Request);
    assert_eq!(lane.frame().kind, Kind::RequestData);
    assert_eq!(lane.frame().kind, Kind::Reset);
    let idle = lane.client();
    say(&idle, GET);
    let request = lane.request();
    lane.answer(request.stream, b"hello");
    assert_eq!(rest(&idle), HELLO);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let mut lane = Lane::new(&fosse_blobs::Parse { write_ms: 300, ..settings() });
    let client = lane.client();
    rustix::net::sockopt::set_socket_recv_buffer_size(&client, 4096).unwrap();
    say(&client, GET);
    let request = lane.request();
    let head = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    lane.head(request.stream, &head, &[]);
    let mut credit = 16 * 1024usize;
    loop {
        lane.data(request.stream, &vec![b'x'; std::mem::take(&mut credit)]);
        let forward = lane.forward.as_mut().unwrap();
        assert!(lane::readable(&*forward, lane::SOON));
        forward.read().unwrap();
        while let Some(frame) = forward.next_frame().unwrap() {
            match frame.kind {
                Kind::ResponseCredit => credit += frame.credit().unwrap() as usize,
                kind => {
                    assert_eq!((kind, frame.stream), (Kind::Reset, request.stream));
                    return;
                }
            }
        }
    }
}

#[test]
fn killed_it_leaves_no_answer_that_looks_whole() {
    let mut lane = Lane::new(&settings());
    let client = lane.client();
    say(&client, "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n");
    let request = lane.request();
    let head = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    lane.head(request.stream, &head, &[]);
    lane.data(request.stream, b"hello");
    expect(&client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    drop(lane);
    assert_eq!(until_reset(&client), b"");
}
