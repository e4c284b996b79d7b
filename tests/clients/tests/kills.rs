//! Programs of TLS and HTTP/2 that are killed, and certificates that change, while clients of all
//! kinds are at it: what is lost is what was under way, it is seen to be lost, and nothing passes
//! in plaintext.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use fosse_clients::{
    http2::{
        connection::{Came, Connection, Target},
        frame,
    },
    peers::{Peer, certificate},
    sockets,
    tls::{self, Wishes},
};
use fosse_harness::{Backend, is_root, wait_for};
use rustix::process::Signal;

/// Far beyond what any working machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Each program is killed so many times.
const KILLS: u64 = 5;
/// This client gives no window back: so many responses of some hundred bytes fit into the first.
const STREAMS: u32 = 100;
const BODY: &str = "/bytes/100000";
const BODY_BYTES: usize = 100_000;

/// What clients of one kind have seen.
#[derive(Debug, Default)]
struct Seen {
    whole: AtomicU64,
    failed: AtomicU64,
    /// What must not be, in words.
    wrong: Mutex<Vec<String>>,
}

impl Seen {
    fn take(&self, came: io::Result<()>) -> bool {
        let counter = if came.is_ok() { &self.whole } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        came.is_ok()
    }

    fn wrong(&self, what: String) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// The kinds of clients.
#[derive(Debug, Default)]
struct Clients {
    is_over: AtomicBool,
    handshakes: Seen,
    kept: Seen,
    streams: Seen,
    plain: Seen,
}

impl Clients {
    fn all(&self) -> [(&'static str, &Seen); 4] {
        [("handshakes", &self.handshakes), ("kept", &self.kept), ("streams", &self.streams), ("plain", &self.plain)]
    }

    fn run(&self, target: &Target, during: impl FnOnce()) {
        let works = [Self::handshakes, Self::handshakes, Self::kept, Self::streams, Self::plaintext];
        thread::scope(|scope| {
            for work in works {
                scope.spawn(move || {
                    while !self.is_over.load(Ordering::Relaxed) {
                        work(self, target);
                    }
                });
            }
            during();
            self.is_over.store(true, Ordering::Relaxed);
        });
    }

    /// Waits until clients of every kind have come to something since now.
    fn work_again(&self) {
        let done = || self.all().map(|(_, seen)| seen.whole.load(Ordering::Relaxed));
        let before = done();
        wait_for("clients of every kind", || {
            done().iter().zip(before).all(|(now, then)| *now > then + 1).then_some(())
        });
    }

    /// A connection for each request: what ends well is whole.
    fn handshakes(&self, target: &Target) {
        let came = open(target).and_then(|mut stream| tls::ask(&mut stream, &target.host, BODY));
        if let Ok(response) = &came {
            let body = response.windows(4).position(|four| four == b"\r\n\r\n").map(|at| response.len() - at - 4);
            let is_local = response.starts_with(b"HTTP/1.1 503 ") || response.starts_with(b"HTTP/1.1 502 ");
            if !is_local && body != Some(BODY_BYTES) {
                self.handshakes.wrong(format!("a response that ends well after {} bytes", response.len()));
            }
        }
        self.handshakes.take(came.and_then(|response| is_good(&response)));
    }

    /// One connection for as long as it lasts.
    fn kept(&self, target: &Target) {
        let Ok(mut stream) = open(target) else { return };
        let mut ask = || {
            write!(stream, "GET {BODY} HTTP/1.1\r\nHost: {}\r\n\r\n", target.host)?;
            let mut response = Vec::new();
            let is_short = |all: &[u8]| {
                let end = all.windows(4).position(|four| four == b"\r\n\r\n");
                end.is_none_or(|at| all.starts_with(b"HTTP/1.1 200 ") && all.len() < at + 4 + BODY_BYTES)
            };
            while is_short(&response) {
                let mut part = [0; 16 << 10];
                let length = stream.read(&mut part)?;
                if length == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                response.extend_from_slice(&part[..length]);
            }
            let is_last = response.windows(17).any(|part| part.eq_ignore_ascii_case(b"connection: close"));
            is_good(&response).map(|()| is_last)
        };
        loop {
            let came = ask();
            let is_last = came.as_ref().is_ok_and(|is_last| *is_last);
            if !self.kept.take(came.map(drop)) || is_last || self.is_over.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// The same in HTTP/2.
    fn streams(&self, target: &Target) {
        let Ok(mut connection) = target.open(PATIENCE) else { return };
        let mut last = u32::MAX;
        for stream in (0..STREAMS).map(|number| number * 2 + 1) {
            let sent = connection.send(&target.get(stream, &[]));
            let came = sent.and_then(|()| whole(&mut connection, stream, &mut last));
            // The server has said that it has not looked at it (RFC 9113, section 6.8).
            let is_left_out = matches!(came, Ok(false));
            if is_left_out || !self.streams.take(came.map(drop)) || self.is_over.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Somebody who speaks no TLS: never gets a response of the application.
    fn plaintext(&self, target: &Target) {
        let Ok(mut socket) = sockets::connect(target.from, target.address, PATIENCE) else { return };
        let _ = write!(socket, "GET /bytes/10 HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", target.host);
        let mut said = Vec::new();
        // That the connection ends is all there is to see, in whatever way.
        let _ = socket.read_to_end(&mut said);
        if said.windows(4).any(|four| four == b"xxxx" || four == b" 200") {
            self.plain.wrong(format!("plaintext: {}", String::from_utf8_lossy(&said)));
        }
        self.plain.take(Ok(()));
    }
}

fn open(target: &Target) -> io::Result<tls::Stream> {
    let socket = sockets::connect(target.from, target.address, PATIENCE)?;
    tls::connect(&Wishes::PLAIN.configuration(), socket, &target.host)
}

/// Waits for the end of a stream; false where the connection leaves it out. `last` is the last one
/// that it takes.
fn whole(connection: &mut Connection, stream: u32, last: &mut u32) -> io::Result<bool> {
    loop {
        match connection.next(Instant::now() + PATIENCE) {
            Came::Frame(frame) if frame.kind == frame::GOAWAY && frame.number(4) == 0 => *last = frame.number(0),
            Came::Frame(frame) if frame.kind == frame::RST_STREAM && frame.stream == stream => {
                return Err(io::Error::other(format!("reset {}", frame.number(0))));
            }
            Came::Frame(frame) if frame.stream == stream && frame.has(frame::END_STREAM) => return Ok(true),
            Came::Frame(_) => {}
            Came::End if *last < stream => return Ok(false),
            came => return Err(io::Error::other(format!("{came:?}"))),
        }
    }
}

fn is_good(response: &[u8]) -> io::Result<()> {
    if response.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err(io::Error::other("no 200")) }
}

/// Has a program killed again and again; returns what clients have seen.
fn killed(program: &str) -> Option<Clients> {
    if !is_root() {
        println!("skipped: not root");
        return None;
    }
    let app = Backend::start();
    let fosse = Peer::fosse(app.path());
    let (edge, target, clients) = (fosse.edge().unwrap(), fosse.target(), Clients::default());
    clients.run(&target, || {
        for _ in 0..KILLS {
            clients.work_again();
            let victim = edge.process(program);
            assert!(victim.signal(Signal::KILL), "{victim:?}");
            let began = Instant::now();
            wait_for("a new handshake and a response", || {
                let came = open(&target).and_then(|mut stream| tls::ask(&mut stream, &target.host, BODY));
                came.and_then(|response| is_good(&response)).ok()
            });
            println!("{program} killed: a new connection has its response {:?} later", began.elapsed());
            wait_for("another process", || (edge.process(program).pid != victim.pid).then_some(()));
        }
        clients.work_again();
    });
    for (kind, seen) in clients.all() {
        println!("{program}: {kind}: {:?} whole, {:?} failed", seen.whole, seen.failed);
        assert_eq!(*seen.wrong.lock().unwrap(), [""; 0], "{program}: {kind}");
    }
    assert_eq!(fosse.alarms(), [""; 0]);
    Some(clients)
}

#[test]
fn keys_killed_under_load_cost_no_connection_and_no_more_than_the_handshakes_under_way() {
    let Some(clients) = killed("keys") else { return };
    assert_eq!(clients.kept.failed.into_inner(), 0);
    assert_eq!(clients.streams.failed.into_inner(), 0);
    // Two clients make handshakes all the time, one at a time each.
    assert!(clients.handshakes.failed.into_inner() <= 2 * KILLS);
}

#[test]
fn tls_killed_under_load_leaves_nothing_that_looks_whole_and_nothing_in_plaintext() {
    killed("tls");
}

#[test]
fn parse_h2_killed_under_load_leaves_nothing_that_looks_whole_and_nothing_in_plaintext() {
    killed("parse-h2");
}

/// Returns the certificate that a new connection is shown.
fn shown(target: &Target) -> Vec<u8> {
    open(target).unwrap().conn.peer_certificates().unwrap()[0].as_ref().to_vec()
}

/// Returns all that are shown while something is done, one connection after the other.
fn shown_during(target: &Target, done: impl FnOnce()) -> Vec<Vec<u8>> {
    let (is_over, mut seen) = (AtomicBool::new(false), vec![shown(target)]);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                seen.push(shown(target));
                seen.dedup();
            }
        });
        done();
        is_over.store(true, Ordering::Relaxed);
    });
    seen
}

#[test]
fn a_reload_with_another_certificate_under_load_fails_no_request_and_never_goes_back() {
    if !is_root() {
        println!("skipped: not root");
        return;
    }
    let app = Backend::start();
    let fosse = Peer::fosse(app.path());
    let (edge, target, clients) = (fosse.edge().unwrap(), fosse.target(), Clients::default());
    let configuration = fs::read_to_string(edge.dir().join("fosse.toml")).unwrap();
    let text = configuration.lines().skip(2).collect::<Vec<_>>().join("\n");
    clients.run(&target, || {
        for number in 0..3 {
            clients.work_again();
            let before = shown(&target);
            certificate(edge.dir().path());
            assert_eq!(shown(&target), before, "a file that changes is nothing yet");
            let seen = shown_during(&target, || {
                edge.reload(&format!("{text}\n# {number}\n"));
                wait_for("the new certificate", || (shown(&target) != before).then_some(()));
                clients.work_again();
            });
            assert!(seen.len() == 2 && seen[0] == before, "the old one, then the new one");
        }
    });
    for (kind, seen) in clients.all() {
        println!("{kind}: {:?} whole, {:?} failed", seen.whole, seen.failed);
        assert_eq!((seen.failed.load(Ordering::Relaxed), &*seen.wrong.lock().unwrap()), (0, &vec![]), "{kind}");
    }
    assert_eq!(fosse.alarms(), [""; 0]);
}
