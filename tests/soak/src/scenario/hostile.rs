//! One hostile address of each kind at once, against the limits that an edge has by default and the
//! same backend: a well-behaved client is served, and none of its requests waits long.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use fosse_harness::{Dir, Edge, WAIT_MAX, sockets};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    Extent,
    slow::{Courteous, SERVED_WITHIN, connect_narrow_from},
};
use crate::{
    backend::Backend,
    client::wait_served,
    load::next_id,
    report::Report,
    request::{Request, Shape},
};

/// Everything by default but two lanes.
const CONFIGURATION: &str = "lanes = 2\nuid_base = {uid_base}\n[[listen]]\naddress = \"{address}\"\n\
    [[site]]\ndefault = true\nbackend = \"a\"\n[[backend]]\nname = \"a\"\nservers = [\"unix:{dir}/a.sock\"]\n";

/// Connections of each hostile address that opens many: as many as one may have.
const CONNECTIONS: usize = 1000;

/// Bytes of a body that takes a good part of a tenth of a second to evaluate.
const LONG_BYTES: u64 = 900_000;

/// The word that it is over.
#[derive(Default)]
struct Stop(Mutex<bool>, Condvar);

impl Stop {
    /// Returns whether it has come, or comes within this time.
    fn comes_within(&self, time: Duration) -> bool {
        let over = self.0.lock().unwrap();
        *self.1.wait_timeout_while(over, time, |over| !*over).unwrap().0
    }

    fn give(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }
}

/// An address of the loopback network, and what it does until it is told to stop.
type Hostile = fn(u8, SocketAddr, usize, &Stop) -> u64;

const KINDS: [(&str, Hostile); 5] = [
    ("slow reads", slow_reads),
    ("slow uploads", slow_uploads),
    ("idle connections", idle_connections),
    ("bodies that take time", bodies_that_take_time),
    ("pipelined requests", pipelined_requests),
];

/// Runs all of them for a while.
///
/// # Panics
/// Where the well-behaved client is not served, or the edge breaks.
pub fn run(extent: Extent) -> Report {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let edge = Edge::supervised(Dir::new(), CONFIGURATION);
    let backend = Backend::listen(&edge.dir().join("a.sock"), "a");
    wait_served(&edge);
    let (mut report, address, count) = (Report::default(), edge.address(), extent.of(CONNECTIONS));
    let courteous = Courteous::begin(&edge);
    let stop = Stop::default();
    let done: [AtomicU64; KINDS.len()] = Default::default();
    thread::scope(|scope| {
        for (((_, kind), last), done) in KINDS.iter().zip(2..).zip(&done) {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.comes_within(Duration::ZERO) {
                    done.fetch_add(kind(last, address, count, stop), Relaxed);
                }
            });
        }
        stop.comes_within(extent.time);
        stop.give();
    });
    for ((name, _), done) in KINDS.iter().zip(&done) {
        report.row(format!("{name}: begun"), done.load(Relaxed));
    }
    report.times("a client beside one hostile address of each kind", courteous.end(), SERVED_WITHIN);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
    report
}

/// Waits until it is over, or the connections are: what is refused comes again.
fn hold(stop: &Stop, mut step: impl FnMut() -> bool) {
    while !stop.comes_within(Duration::from_millis(100)) && step() {}
}

fn slow_reads(last: u8, address: SocketAddr, count: usize, stop: &Stop) -> u64 {
    let request = || Request { size: 12 << 20, shape: Shape::Exact, ..Request::small(next_id()) }.bytes();
    let mut all: Vec<TcpStream> = (0..count).filter_map(|_| connect_narrow_from(last, address).ok()).collect();
    all.retain_mut(|stream| stream.write_all(&request()).is_ok());
    let begun = Instant::now();
    hold(stop, || begun.elapsed() < Duration::from_secs(30));
    all.len() as u64
}

fn slow_uploads(last: u8, address: SocketAddr, count: usize, stop: &Stop) -> u64 {
    let head = b"POST /take/1048576/0 HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nContent-Length: 1048576\r\n\r\n";
    let (mut all, part) = (Vec::new(), vec![b'x'; 768 * 1024]);
    for _ in 0..count.div_ceil(5) {
        let Ok(mut stream) = sockets::connect_from(last, address, WAIT_MAX) else { continue };
        if stream.write_all(head).and_then(|()| stream.write_all(&part)).is_ok() {
            all.push(stream);
        }
    }
    let begun = all.len() as u64;
    hold(stop, || {
        all.retain_mut(|stream| stream.write_all(&[b'x'; 64]).is_ok());
        !all.is_empty()
    });
    begun
}

fn idle_connections(last: u8, address: SocketAddr, count: usize, stop: &Stop) -> u64 {
    let all: Vec<TcpStream> = (0..count).filter_map(|_| sockets::connect_from(last, address, WAIT_MAX).ok()).collect();
    let begun = Instant::now();
    hold(stop, || begun.elapsed() < Duration::from_secs(10));
    all.len() as u64
}

fn bodies_that_take_time(last: u8, address: SocketAddr, _: usize, _: &Stop) -> u64 {
    let begun = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let Ok(mut stream) = sockets::connect_from(last, address, WAIT_MAX) else { return };
                let id = next_id();
                let head = format!(
                    "POST /take/{LONG_BYTES}/{id:016x} HTTP/1.1\r\nHost: a.example\r\nX-Id: {id:016x}\r\n\
                     Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {LONG_BYTES}\r\n\r\n"
                );
                let body = crate::pattern::body(id, LONG_BYTES);
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
                begun.fetch_add(1, Relaxed);
                let _ = stream.read(&mut [0; 512]);
            });
        }
    });
    begun.load(Relaxed)
}

fn pipelined_requests(last: u8, address: SocketAddr, _: usize, _: &Stop) -> u64 {
    let Ok(mut stream) = sockets::connect_from(last, address, WAIT_MAX) else { return 0 };
    let mut bytes = Vec::new();
    (0..64).for_each(|_| bytes.extend(Request::small(next_id()).bytes()));
    let _ = stream.write_all(&bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    64
}
