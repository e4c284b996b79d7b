//! A client that behaves: requests over a connection that stays, and over new ones.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use super::Course;
use crate::{
    http2::connection::{Connection, Target},
    sockets,
    tls::{self, Wishes},
};

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// The client looks at a page in between.
const PAUSE: Duration = Duration::from_millis(5);
/// Requests over a connection, one after the other, before another connection is made.
const REQUESTS: u32 = 20;

/// What a client that behaves has seen.
#[derive(Debug, Default)]
pub struct Honest {
    /// Requests that had their response.
    pub requests: u64,
    /// Those that had none, or another than status 200.
    pub failed: u64,
    /// The longest wait for a response, or for a new connection with one.
    pub worst: Duration,
    /// The first failure.
    pub why: Option<String>,
}

impl Honest {
    fn take(&mut self, began: Instant, came: io::Result<()>) -> bool {
        self.worst = self.worst.max(began.elapsed());
        match came {
            Ok(()) => self.requests += 1,
            Err(error) => {
                self.failed += 1;
                self.why.get_or_insert_with(|| error.to_string());
                thread::sleep(PAUSE);
                return false;
            }
        }
        true
    }
}

/// Runs it until the attack is over.
pub(super) fn run(target: &Target, course: &Course) -> Honest {
    let (mut honest, target) = (Honest::default(), &Target { from: sockets::HONEST, ..target.clone() });
    while course.goes_on() {
        let began = Instant::now();
        if course.speaks_http2() {
            streams(target, course, &mut honest, began)
        } else {
            honest_handshake(target, &mut honest, began)
        }
    }
    honest
}

fn streams(target: &Target, course: &Course, honest: &mut Honest, mut began: Instant) {
    let mut connection = match target.open(PATIENCE) {
        Ok(connection) => connection,
        Err(error) => {
            honest.take(began, Err(error));
            return;
        }
    };
    for number in 0..REQUESTS {
        let came = ask(&mut connection, target, number * 2 + 1);
        if !honest.take(began, came) || !course.goes_on() {
            return;
        }
        thread::sleep(PAUSE);
        began = Instant::now();
    }
}

fn ask(connection: &mut Connection, target: &Target, stream: u32) -> io::Result<()> {
    connection.send(&target.get(stream, &[]))?;
    let came = connection.outcome(stream, Instant::now() + PATIENCE);
    if came == "200" { Ok(()) } else { Err(io::Error::other(came)) }
}

fn honest_handshake(target: &Target, honest: &mut Honest, began: Instant) {
    let config = Wishes::PLAIN.configuration();
    let came = sockets::connect(target.from, target.address, PATIENCE)
        .and_then(|socket| tls::connect(&config, socket, &target.host));
    let came = came.and_then(|mut stream| tls::ask(&mut stream, &target.host, "/"));
    let is_good = |response: &Vec<u8>| response.starts_with(b"HTTP/1.1 200");
    let came = came.and_then(|response| if is_good(&response) { Ok(()) } else { Err(io::Error::other("no 200")) });
    honest.take(began, came);
    thread::sleep(PAUSE);
}
