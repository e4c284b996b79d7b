//! Load that no common generator makes: a handshake for each request, and connections that rest.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, HandshakeKind};

use crate::{
    sockets,
    tls::{self, Stream, Wishes},
};

/// A server takes longer than this for nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names that a client asks for.
#[derive(Clone, Debug)]
pub enum Names {
    /// One name.
    One(String),
    /// `s1.example` to `sN.example`, each in its turn.
    Many(usize),
}

impl Names {
    /// Returns the name of a turn.
    #[must_use]
    pub fn at(&self, turn: usize) -> String {
        match self {
            Self::One(name) => name.clone(),
            // Neighbours of the list lie apart: caches shall not help.
            Self::Many(count) => format!("s{}.example", turn.wrapping_mul(7_919) % count + 1),
        }
    }
}

/// A load: who is asked for what, how, by how many at a time and for how long.
#[derive(Clone, Debug)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// The names in the handshake.
    pub names: Names,
    /// The path of each request.
    pub path: String,
    /// The handshake.
    pub wishes: Wishes,
    /// Connections at a time.
    pub connections: usize,
    /// Its time.
    pub time: Duration,
}

/// What came of a load.
#[derive(Debug, Default)]
pub struct Done {
    /// The time of each connection from its first packet to its last byte.
    pub times: Vec<Duration>,
    /// Handshakes that were resumed.
    pub resumed: usize,
    /// Connections that failed, or brought no response with status 200.
    pub bad: usize,
    /// The first failure.
    pub why: Option<String>,
}

impl Done {
    fn merge(&mut self, other: Self) {
        self.times.extend(other.times);
        self.resumed += other.resumed;
        self.bad += other.bad;
        self.why = self.why.take().or(other.why);
    }

    /// Returns the time that a share of all connections stayed within; zero where there were none.
    #[must_use]
    pub fn quantile(&mut self, share: f64) -> Duration {
        self.times.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (self.times.len() as f64 * share) as usize;
        self.times.get(at.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }
}

impl Load {
    /// Runs it: each connection is a handshake and a request that ends it.
    ///
    /// # Panics
    /// Where a thread cannot be started.
    #[must_use]
    pub fn run(&self) -> Done {
        let (end, turn, mut all) = (Instant::now() + self.time, AtomicUsize::new(0), Done::default());
        thread::scope(|scope| {
            let work = |_| scope.spawn(|| self.work(end, &turn));
            let threads: Vec<_> = (0..self.connections).map(work).collect();
            threads.into_iter().for_each(|thread| all.merge(thread.join().unwrap()));
        });
        all
    }

    fn connect(&self, config: &Arc<ClientConfig>, name: &str) -> io::Result<Stream> {
        tls::connect(config, sockets::connect(sockets::COMMON, self.address, PATIENCE)?, name)
    }

    fn work(&self, end: Instant, turn: &AtomicUsize) -> Done {
        let (config, mut done) = (self.wishes.configuration(), Done::default());
        while Instant::now() < end {
            let name = self.names.at(turn.fetch_add(1, Ordering::Relaxed));
            let begun = Instant::now();
            match self.connect(&config, &name).and_then(|s| whole(s, &name, &self.path)) {
                Ok(kind) => {
                    done.times.push(begun.elapsed());
                    done.resumed += usize::from(kind == HandshakeKind::Resumed);
                }
                Err(error) => {
                    done.bad += 1;
                    done.why.get_or_insert_with(|| error.to_string());
                }
            }
        }
        done
    }
}

fn whole(mut stream: Stream, name: &str, path: &str) -> io::Result<HandshakeKind> {
    let response = tls::ask(&mut stream, name, path)?;
    if !response.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&response[..response.len().min(40)]).into_owned()));
    }
    // An X.509 certificate has its names as they are written, whatever else is in it.
    let certificate = stream.conn.peer_certificates().and_then(<[_]>::first);
    if certificate.is_some_and(|der| !der.windows(name.len()).any(|part| part == name.as_bytes())) {
        return Err(io::Error::other(format!("the certificate is not {name}'s")));
    }
    stream.conn.handshake_kind().ok_or_else(|| io::Error::other("no handshake"))
}

/// Opens connections that make a request each and then rest, as many as there are names for.
///
/// # Errors
/// The first that fails.
pub fn rest(load: &Load, count: usize) -> io::Result<Vec<Stream>> {
    let config: Arc<_> = load.wishes.configuration();
    let mut all = Vec::with_capacity(count);
    for turn in 0..count {
        let name = load.names.at(turn);
        let mut stream = load.connect(&config, &name)?;
        stream.write_all(format!("GET {} HTTP/1.1\r\nHost: {name}\r\n\r\n", load.path).as_bytes())?;
        let mut response = Vec::new();
        while !response.windows(4).any(|four| four == b"\r\n\r\n") || response.len() < BODY_BYTES_MIN {
            let mut part = [0; 4096];
            let length = stream.read(&mut part)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            response.extend_from_slice(&part[..length]);
        }
        all.push(stream);
    }
    Ok(all)
}

/// A response has so many bytes at least: its body is in the client before the connection rests.
const BODY_BYTES_MIN: usize = 1024;
