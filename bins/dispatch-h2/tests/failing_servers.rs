//! Servers that leave, refuse, break off, keep silent or lie: what dispatch sees of each.

mod beside;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use beside::{Beside, Said, response};
use fosse_counters::dispatch_h2 as count;
use fosse_harness::WAIT_MAX;
use fosse_hpack::Encoder;
use fosse_wire::beside::{ToBeside, UNPROCESSED};
use fosse_wire::connect::Outcome;

const LONG: Duration = Duration::from_secs(3600);
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn head(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let (mut block, mut encoder) = (Vec::new(), Encoder::default());
    fields.iter().for_each(|(name, value)| encoder.field(&mut block, name.as_bytes(), value.as_bytes()));
    frame(HEADERS, 4 | flags, stream, &block)
}

/// A listener of the test's own.
struct Listener(TcpListener);

impl Listener {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Takes a connection, with the preface, and says its settings.
    fn accept(&self, settings: &[u8]) -> Server {
        let (socket, _) = self.0.accept().unwrap();
        socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
        let mut server = Server(socket);
        let mut preface = [0; 24];
        server.0.read_exact(&mut preface).unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        server.say(&frame(SETTINGS, 0, 0, settings));
        server
    }
}

/// A server of raw frames.
struct Server(TcpStream);

impl Server {
    fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads frames until one of that kind, and returns it: flags, stream, payload.
    fn wait_for(&mut self, kind: u8) -> (u8, u32, Vec<u8>) {
        loop {
            let mut header = [0; 9];
            self.0.read_exact(&mut header).unwrap();
            let [a, b, c, got, flags, s0, s1, s2, s3] = header;
            let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
            self.0.read_exact(&mut payload).unwrap();
            if got == kind {
                return (flags, u32::from_be_bytes([s0, s1, s2, s3]), payload);
            }
        }
    }

    fn respond(&mut self, stream: u32) {
        self.say(
            &[head(stream, 0, &[(":status", "200"), ("content-length", "2")]), frame(0, 1, stream, b"ok")].concat(),
        );
    }
}

/// All that comes until the end.
fn rest(end: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = end.read_to_end(&mut bytes);
    bytes
}

/// An exchange whose request has gone to a server of the test's own.
fn begun(settings: &[u8], request: &[u8]) -> (Beside, Listener, Server, UnixStream) {
    let (beside, listener) = (Beside::run(LONG), Listener::new());
    let mut end = beside.exchange(listener.address());
    let mut server = listener.accept(settings);
    end.write_all(request).unwrap();
    server.wait_for(HEADERS);
    (beside, listener, server, end)
}

#[test]
fn what_a_server_has_not_looked_at_comes_back_and_what_it_looks_at_goes_on() {
    let (beside, listener, mut server, mut first) = begun(&[], POST);
    let mut second = beside.exchange(listener.address());
    second.write_all(POST).unwrap();
    assert_eq!(server.wait_for(HEADERS).1, 3);
    server.say(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]));
    assert_eq!(rest(&mut second), [UNPROCESSED]);
    server.respond(1);
    assert_eq!(response(&mut first).body, b"ok");
    // The next request asks for another connection, and the first is closed.
    let mut third = beside.exchange(listener.address());
    let mut next = listener.accept(&[]);
    third.write_all(GET).unwrap();
    next.wait_for(HEADERS);
    next.respond(1);
    assert_eq!(response(&mut third).body, b"ok");
    beside.stage.wait_for_count(count::CONNECTIONS, 1);
}

#[test]
fn a_stream_that_is_refused_comes_back_and_one_that_is_reset_does_not() {
    let (_beside, _listener, mut server, mut end) = begun(&[], POST);
    server.say(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 7]));
    assert_eq!(rest(&mut end), [UNPROCESSED]);
    let (_beside, _listener, mut server, mut end) = begun(&[], POST);
    server.say(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 2]));
    assert_eq!(rest(&mut end), b"");
}

#[test]
fn a_body_that_breaks_off_never_looks_whole() {
    let ends: [fn(&mut Server); 3] = [
        |server| server.say(&frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        |server| server.0.shutdown(Shutdown::Both).unwrap(),
        |server| server.say(&frame(5, 4, 1, &[0, 0, 0, 2])),
    ];
    for break_off in ends {
        let (_beside, _listener, mut server, mut end) = begun(&[], GET);
        server.say(&[head(1, 0, &[(":status", "200")]), frame(0, 0, 1, b"half")].concat());
        break_off(&mut server);
        assert_eq!(rest(&mut end), b"HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    }
}

#[test]
fn a_malformed_response_costs_its_own_request_alone() {
    let (beside, listener, mut server, mut bad) = begun(&[], GET);
    let mut good = beside.exchange(listener.address());
    good.write_all(GET).unwrap();
    server.wait_for(HEADERS);
    server.say(&head(1, 1, &[(":status", "200"), ("transfer-encoding", "chunked")]));
    assert_eq!(rest(&mut bad), b"");
    server.respond(3);
    assert_eq!(response(&mut good).body, b"ok");
    beside
        .stage
        .wait_for_log("event=response-broken server=app why=\"a field that belongs to one connection of HTTP/1.1\"");
}

#[test]
fn a_server_that_speaks_something_else_is_told_apart() {
    let (beside, listener) = (Beside::run(LONG), Listener::new());
    let mut end = beside.exchange(listener.address());
    let (mut socket, _) = listener.0.accept().unwrap();
    socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    end.write_all(GET).unwrap();
    assert_eq!(rest(&mut end).first().copied().unwrap_or(UNPROCESSED), UNPROCESSED);
    beside.stage.wait_for_log("event=server-broken server=app why=\"the server speaks HTTP/1.1\"");
}

#[test]
fn whoever_waits_hears_why_there_is_no_connection() {
    let beside = Beside::run(LONG);
    (1..4).for_each(|tag| beside.ask(tag));
    let Said::Dial(tag, 0) = beside.said() else { panic!("no connection is asked for") };
    beside.send(ToBeside::Dialled { tag, server: 0, outcome: Outcome::Refused, errno: 111 }, None);
    for wanted in 1..4 {
        assert!(matches!(beside.said(), Said::Reply(tag, Outcome::Refused, None) if tag == wanted));
    }
}

#[test]
fn a_request_that_dispatch_gives_up_is_cancelled_and_a_silent_server_is_asked_for_a_sign_of_life() {
    let (beside, listener, mut server, mut end) = begun(&[], GET);
    server.respond(1);
    assert_eq!(response(&mut end).body, b"ok");
    end.write_all(GET).unwrap();
    server.wait_for(HEADERS);
    drop(end);
    let (_, _, ping) = server.wait_for(PING);
    assert_eq!(server.wait_for(RST_STREAM), (0, 3, vec![0, 0, 0, 8]));
    // Until it has replied it gets no stream.
    let mut end = beside.exchange(listener.address());
    end.write_all(GET).unwrap();
    server.say(&frame(PING, 1, 0, &ping));
    assert_eq!(server.wait_for(HEADERS).1, 5);
    server.respond(5);
    assert_eq!(response(&mut end).body, b"ok");
}

#[test]
fn a_response_that_nobody_reads_stops_its_server_and_no_other_stream() {
    let (beside, listener, mut server, slow) = begun(&[], GET);
    server.say(&head(1, 0, &[(":status", "200")]));
    // More than the window is never granted while nothing is read: first 65,535 bytes, and what the
    // pair of sockets takes.
    let mut window = 65_535_usize;
    let mut sent = 0;
    server.0.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    loop {
        while window > 0 {
            let part = vec![b'x'; window.min(16_384)];
            server.say(&frame(0, 0, 1, &part));
            (window, sent) = (window - part.len(), sent + part.len());
        }
        let mut header = [0; 9];
        if server.0.read_exact(&mut header).is_err() {
            break;
        }
        let mut payload = vec![0; usize::from(header[1]) << 8 | usize::from(header[2])];
        server.0.read_exact(&mut payload).unwrap();
        if header[3] == 8 && header[8] == 1 {
            window += usize::try_from(u32::from_be_bytes(payload.try_into().unwrap())).unwrap();
        }
    }
    assert!(sent < 4 << 20, "{sent} bytes are kept for who reads nothing");
    server.0.set_read_timeout(Some(WAIT_MAX)).unwrap();
    let mut other = beside.exchange(listener.address());
    other.write_all(GET).unwrap();
    assert_eq!(server.wait_for(HEADERS).1, 3);
    server.respond(3);
    assert_eq!(response(&mut other).body, b"ok");
    drop(slow);
    assert_eq!(server.wait_for(RST_STREAM).1, 1);
}

#[test]
fn an_idle_connection_is_closed_with_a_word() {
    let (beside, listener) = (Beside::run(Duration::from_millis(1)), Listener::new());
    let _end = beside.exchange(listener.address());
    let mut server = listener.accept(&[]);
    assert_eq!(server.wait_for(GOAWAY).2[4..8], [0; 4]);
    assert_eq!(server.0.read(&mut [0; 1]).unwrap(), 0);
    beside.stage.wait_for_count(count::CONNECTIONS, 0);
}
