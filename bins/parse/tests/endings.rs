//! Time limits, drains and crashes.

mod lane;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use fosse_wire::channel;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::{Kind, StreamId};
use lane::{GET, HELLO, Lane, expect, readable, rest, say, settings, until_reset};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

#[test]
fn a_dead_ring_costs_503_or_a_reset_and_idle_connections_go_on() {
    for end_cleanly in [true, false] {
        let mut lane = Lane::new(&settings());
        let idle = lane.client();
        say(&idle, GET);
        let request = lane.request();
        lane.respond(request.stream, b"hello");
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
        let half = lane.client_saying("GET / HTT");
        lane.settle();
        if end_cleanly {
            lane.back = None;
        } else {
            lane.raw(request.stream, Kind::Verdict, b"");
        }
        assert!(rest(&waiting).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert!(rest(&half).starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
        assert_eq!(until_reset(&streaming), b"");
        let returned = loop {
            let (message, fds) = lane.next_to_accept();
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

/// A way for start to end the conversation.
type Departure = fn(&mut Lane);

#[test]
fn a_start_that_goes_or_breaks_the_protocol_costs_what_a_dead_ring_does() {
    let ways: [(&str, Departure); 2] = [
        ("start is gone", Lane::abandon),
        ("start broke the protocol", |lane| lane.order(ToChild::PageDrop { pid: 1 })),
    ];
    for (why, end) in ways {
        let mut lane = Lane::new(&settings());
        let client = lane.client();
        say(&client, GET);
        let _ = lane.request();
        end(&mut lane);
        assert!(rest(&client).starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{why}");
        assert_eq!(lane.exit().code(), Some(111), "{why}");
        let log = lane.log();
        let refused = "info: event=refused client=192.0.2.7 site=a status=503 why=\"the lane it was in has ended\"\n";
        assert!(log.ends_with(&format!("alert: unable to go on: {why}\nfosse-parse: {refused}")), "{log}");
    }
}

/// Something dispatch must never do on a stream.
type Lie<'a> = &'a dyn Fn(&mut Lane, StreamId);

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
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
        ("an upgrade that was not asked for", &|lane, stream| {
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
    lane.respond(request.stream, b"hello");
    expect(&idle, HELLO);
    let busy = lane.client();
    say(&busy, GET);
    let request = lane.request();
    lane.order(ToChild::Drain);
    let (message, _fds) = lane.next_to_accept();
    assert_eq!((message.kind, message.connections[0].id), (channel::Kind::Return, 1));
    lane.respond(request.stream, b"hello");
    assert_eq!(rest(&busy), "HTTP/1.1 200 OK\r\nX-Is: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
    drop(busy);
    // One that accept passed on before it heard of the drain.
    let _late = lane.client();
    assert!(lane.next_to_accept().0.kind != channel::Kind::List);
    assert_eq!(lane.said(), ToStart::Drained);
    assert_eq!(lane.exit().code(), Some(0));
}

#[test]
fn a_drain_that_takes_too_long_is_cut_off() {
    let mut lane = Lane::new(&fosse_settings::Parse { drain_seconds_max: Duration::from_millis(300), ..settings() });
    let client = lane.client();
    say(&client, GET);
    let _ = lane.request();
    lane.order(ToChild::Drain);
    assert_eq!(lane.exit().code(), Some(0));
    assert_eq!(until_reset(&client), b"");
}

#[test]
fn an_accept_that_is_restarted_learns_which_connections_are_open() {
    let mut lane = Lane::new(&settings());
    let _clients = [lane.client(), lane.client()];
    let mut bytes = Vec::new();
    channel::encode(&mut bytes, channel::Kind::List, &[]);
    lane.tell(&bytes);
    let (open, _) = lane.next_to_accept();
    assert_eq!((open.kind, open.connections.len()), (channel::Kind::Open, 2));
    let (end, _) = lane.next_to_accept();
    assert_eq!((end.kind, end.connections.len()), (channel::Kind::Open, 0));
}

#[test]
fn an_accept_that_reads_late_still_learns_of_all_that_are_open() {
    let mut lane = Lane::new(&settings());
    let _clients = [lane.client(), lane.client()];
    let mut bytes = Vec::new();
    channel::encode(&mut bytes, channel::Kind::List, &[]);
    // Each LIST has two replies, which nothing reads, until there is no room for another. One is
    // sent when all of the one before is replied to: two that parse reads at once are one to it.
    let queued = || rustix::io::ioctl_fionread(&lane.accept).unwrap();
    lane.tell(&bytes);
    lane.settle();
    let (mut lists, replies) = (1, queued());
    while queued() == lists * replies {
        let begun = Instant::now();
        lane.tell(&bytes);
        lists += 1;
        while queued() < lists * replies && begun.elapsed() < Duration::from_millis(100) {
            std::thread::sleep(Duration::from_millis(1));
        }
        if queued() < lists * replies {
            lane.settle();
        }
    }
    let (mut heard, mut last) = (0, None);
    while readable(&lane.accept, Duration::ZERO) || {
        lane.settle();
        readable(&lane.accept, Duration::ZERO)
    } {
        last = Some(lane.next_to_accept().0.connections.len());
        heard += 1;
    }
    // The last LIST is replied to as well, to the end.
    assert!(heard > 2 * (lists - 1) && last == Some(0), "{heard} replies to {lists} lists, the last {last:?}");
}

#[test]
fn a_client_that_is_too_slow_gets_408_or_a_close() {
    let quick = fosse_settings::Parse {
        head_seconds: Duration::from_millis(500),
        body_seconds: Duration::from_millis(500),
        idle_seconds: Duration::from_millis(500),
        linger: Duration::from_millis(500),
        ..settings()
    };
    let mut lane = Lane::new(&quick);
    let silent = lane.client();
    assert_eq!(rest(&silent), "");
    let head = lane.client_saying("GET / HTTP/1.1\r\nHost:");
    assert!(rest(&head).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    let body = lane.client_saying("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nabc");
    assert!(rest(&body).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(lane.frame().kind, Kind::Request);
    assert_eq!(lane.frame().kind, Kind::RequestData);
    assert_eq!(lane.frame().kind, Kind::Reset);
    let idle = lane.client_saying(GET);
    let request = lane.request();
    lane.respond(request.stream, b"hello");
    assert_eq!(rest(&idle), HELLO);
}

/// Says a byte at a time until the connection ends; what came back. Longer than any limit it cannot
/// go on.
fn drip(client: &std::net::TcpStream, text: &str) -> String {
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut came = Vec::new();
    let begun = Instant::now();
    for byte in text.bytes().cycle() {
        use std::io::{Read, Write};
        let _ = (&mut &*client).write_all(&[byte]);
        let mut bytes = [0; 4096];
        match (&mut &*client).read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => came.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
        assert!(begun.elapsed() < lane::SOON, "it drips on");
    }
    String::from_utf8(came).unwrap()
}

#[test]
fn a_client_that_drips_gets_408_or_a_close() {
    let quick = fosse_settings::Parse {
        head_seconds: Duration::from_millis(500),
        body_seconds: Duration::from_millis(500),
        idle_seconds: Duration::from_millis(500),
        linger: Duration::from_millis(500),
        ..settings()
    };
    let mut lane = Lane::new(&quick);
    let timeout = "HTTP/1.1 408 Request Timeout\r\n";
    let head = lane.client_saying("GET / HTTP/1.1\r\n");
    assert!(drip(&head, "X").starts_with(timeout));
    let lines = lane.client_saying("\r\n");
    assert!(drip(&lines, "X").starts_with(timeout));
    let record = fosse_wire::channel::Connection { listener: 1, trusted: true, ..Default::default() };
    let proxy = lane.client_as_saying(record, "PROXY TCP6 :");
    assert!(drip(&proxy, ":").starts_with("HTTP/1.1 4"));
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let body = lane.client_saying(&format!("POST / HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n"));
        let request = lane.frame();
        assert_eq!(request.kind, Kind::Request);
        // Whoever takes the bytes grants their room again: that is no reason to wait for longer.
        let dripping = std::thread::spawn(move || drip(&body, "1\r\nx\r\n"));
        loop {
            let frame = lane.frame();
            match frame.kind {
                Kind::RequestData => lane.raw(request.stream, Kind::RequestCredit, &1u32.to_le_bytes()),
                kind => break assert_eq!(kind, Kind::Reset),
            }
        }
        assert!(dripping.join().unwrap().starts_with(timeout), "{framing}");
    }
}

#[test]
fn a_body_that_comes_steadily_may_take_longer_than_its_limit() {
    // Each piece has twenty times what it takes here; all of them take longer than the limit.
    let limit = Duration::from_secs(4);
    let mut lane = Lane::new(&fosse_settings::Parse { body_seconds: Duration::from_secs(4), ..settings() });
    let client = lane.client_saying("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 102400\r\n\r\n");
    let begun = Instant::now();
    let request = lane.frame();
    assert_eq!(request.kind, Kind::Request);
    for _ in 0..25 {
        say(&client, &"x".repeat(4096));
        let (mut came, mut credit) = (0, 0u32);
        while came < 4096 {
            let length = lane.frame().body.len();
            came += length;
            credit += length as u32;
        }
        lane.raw(request.stream, Kind::RequestCredit, &credit.to_le_bytes());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() > limit);
    assert_eq!(lane.frame().kind, Kind::RequestEnd);
}

#[test]
fn a_client_that_pipelines_and_reads_nothing_is_cut_off() {
    let mut lane = Lane::new(&fosse_settings::Parse { write_seconds: Duration::from_millis(300), ..settings() });
    let client = lane.client();
    rustix::net::sockopt::set_socket_recv_buffer_size(&client, 4096).unwrap();
    client.set_nonblocking(true).unwrap();
    let (mut responses, small) = (0, "y".repeat(10_000));
    let begun = Instant::now();
    loop {
        let _ = std::io::Write::write(&mut &client, GET.repeat(50).as_bytes());
        let Some(request) = lane.frame_within(Duration::from_millis(10)) else {
            // Until accept hears of the end, with nothing of it in the ring any more.
            assert!(begun.elapsed() < lane::SOON, "it goes on reading nothing");
            if readable(&lane.accept, Duration::ZERO) {
                let message = lane.next_to_accept().0;
                assert_eq!((message.kind, message.connections.len()), (fosse_wire::channel::Kind::Closed, 1));
                assert!(lane.is_quiet(), "no further request");
                break;
            }
            continue;
        };
        assert_eq!(request.kind, Kind::Request);
        assert_eq!(lane.frame().kind, Kind::RequestEnd);
        lane.respond(request.stream, small.as_bytes());
        responses += 1;
        assert!(responses < 100_000, "responses without end");
    }
    assert!(responses > 1);
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let mut lane = Lane::new(&fosse_settings::Parse { write_seconds: Duration::from_millis(300), ..settings() });
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
fn a_client_that_takes_a_little_now_and_then_is_cut_off() {
    let mut lane = Lane::new(&fosse_settings::Parse { write_seconds: Duration::from_secs(1), ..settings() });
    // As over a slow network: hardly any room on either side, so that what is read makes room.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    sockopt::set_socket_recv_buffer_size(&socket, 2048).unwrap();
    rustix::net::connect(&socket, &listener.local_addr().unwrap()).unwrap();
    let (client, (served, _)) = (TcpStream::from(socket), listener.accept().unwrap());
    sockopt::set_socket_send_buffer_size(&served, 4096).unwrap();
    lane.pass(fosse_wire::channel::Connection::default(), served.as_fd());
    drop(served);
    std::io::Write::write_all(&mut &client, GET.as_bytes()).unwrap();
    let request = lane.request();
    let head = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    lane.head(request.stream, &head, &[]);
    lane.data(request.stream, &[b'x'; 16 * 1024]);
    client.set_nonblocking(true).unwrap();
    let (begun, mut taken) = (Instant::now(), 0);
    loop {
        assert!(begun.elapsed() < lane::SOON, "it goes on taking a little");
        // A KiB five times a second is less than 8 KiB a second, and never nothing.
        match lane.frame_within(Duration::from_millis(200)) {
            Some(frame) if frame.kind == Kind::Reset => break,
            _ => taken += std::io::Read::read(&mut &client, &mut [0; 1024]).unwrap_or(0),
        }
    }
    assert!(taken < 16 * 1024, "it had all of it");
}

#[test]
fn killed_it_leaves_no_response_that_looks_whole() {
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
