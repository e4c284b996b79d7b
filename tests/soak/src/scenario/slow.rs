//! A thousand slow readers, a thousand slow header senders, ten thousand idle connections: a
//! well-behaved client is served meanwhile, and each of them costs little.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use fosse_harness::{Edge, WAIT_MAX};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{Extent, integrity};
use crate::{
    backend::Backend,
    client::{self, Outcome, wait_served},
    courteous::Courteous,
    inventory::Inventory,
    load::next_id,
    report::Report,
    request::{Request, Shape},
    scheduling,
    site::Setup,
};

/// What the edge promises for a slow connection, beside what is read ahead of it: that has a limit
/// of its own, `lane_response_bytes_max`.
const RESIDENT_BYTES_MAX: u64 = 64 * 1024;
/// What two lanes may keep when the slow ones are gone: tables that have grown, buffers at hand.
const LEFT_BYTES_MAX: u64 = 12 * 1024 * 1024;
/// What the slow readers ask for.
const RESPONSE_BYTES: u64 = 10 * 1024 * 1024;

/// A connection as over a slow network: small segments, hardly any room. Over loopback as it is the
/// kernel would take more than a megabyte for each without asking anybody.
fn connect_narrow(address: SocketAddr) -> io::Result<TcpStream> {
    connect_narrow_from(1, address)
}

/// Does the same from 127.0.0.`last`.
pub(super) fn connect_narrow_from(last: u8, address: SocketAddr) -> io::Result<TcpStream> {
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&fd, 4096)?;
    nix::sys::socket::setsockopt(&fd, nix::sys::socket::sockopt::TcpMaxSeg, &1400)?;
    rustix::net::bind(&fd, &SocketAddr::from(([127, 0, 0, last], 0)))?;
    rustix::net::connect(&fd, &address)?;
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(WAIT_MAX))?;
    stream.set_write_timeout(Some(WAIT_MAX))?;
    Ok(stream)
}

fn many(edge: &Edge, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| connect_narrow(edge.address()).unwrap()).collect()
}

fn costs(report: &mut Report, what: &str, edge: &Edge, before: &Inventory, count: usize) {
    let now = Inventory::of(edge);
    let each = |now: u64, before: u64| now.saturating_sub(before) / count as u64;
    let ahead = edge.counter("dispatch", "ahead_bytes");
    let total = each(now.resident, before.resident + ahead);
    let grown = now
        .by_program
        .iter()
        .map(|(name, bytes)| (name, each(*bytes, before.by_program.get(name).copied().unwrap_or(0))));
    let grown: Vec<String> = grown.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name}={n}")).collect();
    let value = format!("{total} (read ahead {}; {}; limit {RESIDENT_BYTES_MAX})", each(ahead, 0), grown.join(" "));
    report.promise(format!("resident bytes of one {what}"), value, total <= RESIDENT_BYTES_MAX);
}

/// An edge whose backend the well-behaved client has in common with the slow ones.
fn begin(extent: Extent, setup: &Setup) -> (Edge, Backend) {
    let edge = setup.start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    (edge, backend)
}

/// Slow readers of a large response, which dispatch writes under a lease.
pub fn readers(extent: Extent) -> Report {
    slow_readers(extent, Shape::Exact, "slow reader")
}

/// Slow readers of a response that goes round the ring (chunked: never leased).
pub fn ring_readers(extent: Extent) -> Report {
    slow_readers(extent, Shape::Chunked, "slow reader of chunks")
}

/// Two rounds: what the first left of its memory to the allocator must be enough for the second.
fn slow_readers(extent: Extent, shape: Shape, what: &str) -> Report {
    let (edge, backend) = begin(extent, &Setup::wide());
    let (mut report, count) = (Report::default(), extent.of(1000));
    let before = Inventory::steady(&edge);
    let mut peaks = Vec::new();
    for _ in 0..2 {
        let courteous = Courteous::begin(edge.address());
        let mut slow = many(&edge, count);
        for stream in &mut slow {
            let request = Request { size: RESPONSE_BYTES, shape, ..Request::small(next_id()) };
            stream.write_all(&request.bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
        }
        let (until, mut bytes, mut taken) = (Instant::now() + extent.time / 2, vec![0; 1024], 0);
        while Instant::now() < until {
            taken += slow.iter_mut().map(|stream| stream.read(&mut bytes).unwrap_or(0)).sum::<usize>();
            thread::sleep(Duration::from_millis(100));
        }
        peaks.push(Inventory::of(&edge).resident);
        costs(&mut report, what, &edge, &before, count);
        courteous.end(&mut report, &format!("{count} slow readers"));
        report.row("bytes the slow readers took", taken);
    }
    assert!(peaks[1] < peaks[0] + peaks[0] / 4 + (8 << 20), "memory grows from round to round: {peaks:?}");
    finish(&edge, &backend, &before, &mut report);
    edge.stop();
    report
}

/// Clients that send a head byte by byte.
pub fn senders(extent: Extent) -> Report {
    let setup = Setup { top: "[timeouts]\nhead_seconds = 60\n".into(), ..Setup::wide() };
    let (edge, backend) = begin(extent, &setup);
    let (mut report, count) = (Report::default(), extent.of(1000));
    let before = Inventory::steady(&edge);
    let courteous = Courteous::begin(edge.address());
    let mut slow = many(&edge, count);
    let head = Request::small(next_id()).bytes();
    let (until, mut at) = (Instant::now() + extent.time, 0);
    while Instant::now() < until && at < head.len() - 1 {
        slow.iter_mut().for_each(|stream| stream.write_all(&head[at..=at]).unwrap());
        at += 1;
        thread::sleep(Duration::from_millis(100));
    }
    costs(&mut report, "slow header sender", &edge, &before, count);
    courteous.end(&mut report, &format!("{count} slow header senders"));
    drop(slow);
    finish(&edge, &backend, &before, &mut report);
    edge.stop();
    report
}

/// Connections on which nothing happens after a first request.
pub fn idle(extent: Extent) -> Report {
    let (edge, backend) = begin(extent, &Setup::wide());
    let (mut report, count) = (Report::default(), extent.of(10_000));
    let before = Inventory::steady(&edge);
    let courteous = Courteous::begin(edge.address());
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = client::Client::connect(edge.address(), WAIT_MAX).unwrap();
        let request = Request::small(next_id());
        assert!(client.send(&request.bytes()));
        assert_eq!(client.response(&request), Outcome::Right);
        // The reader's buffers are not what is measured here.
        clients.push(client.stream().try_clone().unwrap());
    }
    thread::sleep(extent.time.min(Duration::from_secs(10)));
    costs(&mut report, "idle connection", &edge, &before, count);
    courteous.end(&mut report, &format!("{count} idle ones"));
    // They are still served.
    for stream in clients.iter_mut().step_by(97) {
        stream.write_all(&Request::small(next_id()).bytes()).unwrap();
        assert!(stream.read(&mut [0; 16]).unwrap() > 0);
    }
    drop(clients);
    finish(&edge, &backend, &before, &mut report);
    edge.stop();
    report
}

fn finish(edge: &Edge, backend: &Backend, before: &Inventory, report: &mut Report) {
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    integrity::rest(edge, before);
    // What a flood has left goes back within some seconds.
    let (begun, mut after) = (Instant::now(), Inventory::of(edge));
    while after.resident > before.resident + LEFT_BYTES_MAX && begun.elapsed() < Duration::from_secs(15) {
        thread::sleep(Duration::from_millis(200));
        after = Inventory::of(edge);
    }
    let left = after.resident.saturating_sub(before.resident);
    report.promise("resident bytes left", format!("{left} (limit {LEFT_BYTES_MAX})"), left <= LEFT_BYTES_MAX);
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    scheduling::write_down(edge, report);
}
