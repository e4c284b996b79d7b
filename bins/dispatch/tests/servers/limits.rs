//! Each time limit of a backend (fosse.toml(5)) ends the one wait that it is for, and no other.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fosse_harness::{Dir, Edge, sockets, wait_for};

use crate::failover::Silent;

/// The keys, each with the wait that it is for.
const KEYS: [&str; 5] = ["queue", "connect", "first_byte", "idle", "pool_idle"];

/// Seconds of the limit that is to end a wait, and of all that must not.
const SHORT: u32 = 1;
const LONG: u32 = 60;

/// An application that lets its requests wait in one of the ways.
struct App {
    address: String,
    heads: Arc<AtomicUsize>,
    /// A connection of it has ended.
    closed: Arc<AtomicBool>,
    /// Its connections, which it leaves open.
    _streams: Arc<Mutex<Vec<UnixStream>>>,
    _dir: Dir,
}

impl App {
    fn start(key: &'static str) -> Self {
        let (dir, heads) = (Dir::new(), Arc::new(AtomicUsize::new(0)));
        let (closed, streams) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let path = dir.join("app.sock");
        let (counted, ended, kept) = (Arc::clone(&heads), Arc::clone(&closed), Arc::clone(&streams));
        sockets::listen(&path, move |mut stream| {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read(&mut byte) {
                    Ok(1..) => head.extend_from_slice(&byte),
                    _ => return,
                }
            }
            let said: &[u8] = match key {
                "idle" => b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
                "pool_idle" => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                _ => b"",
            };
            stream.write_all(said).unwrap();
            kept.lock().unwrap().push(stream.try_clone().unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
            // An end is the only thing that still comes.
            let _ = stream.read(&mut byte);
            ended.store(true, Ordering::Relaxed);
        });
        Self { address: format!("unix:{}", path.display()), heads, closed, _streams: streams, _dir: dir }
    }
}

/// Tables of a site and its backend: the limit of `key` has that time, all others have the other.
fn tables(name: &str, key: &str, server: &str, its: u32, others: u32) -> String {
    // Whoever has the one connection that others queue for must not lose it.
    let time = |of: &str| match of {
        _ if of == key => its,
        "first_byte" if key == "queue" => LONG,
        _ => others,
    };
    let lines: Vec<String> = KEYS.iter().map(|of| format!("{of}_seconds = {}\n", time(of))).collect();
    format!(
        "[[site]]\nhosts = [\"{name}.example\"]\nbackend = \"{name}\"\n\
         [[backend]]\nname = \"{name}\"\nservers = [{server:?}]\nconnections_max = 1\n{}",
        lines.concat()
    )
}

/// One wait of each kind.
struct Waits {
    apps: Vec<App>,
    _silent: Silent,
    names: Vec<String>,
}

impl Waits {
    fn new(word: &str) -> Self {
        let names = KEYS.iter().map(|key| format!("{}-{word}", key.replace('_', "-"))).collect();
        Self { apps: KEYS.iter().map(|key| App::start(key)).collect(), _silent: Silent::start(), names }
    }

    fn tables(&self, its: u32, others: u32) -> String {
        let server = |(at, app): (usize, &App)| match KEYS[at] {
            "connect" => self._silent.address.to_string(),
            _ => app.address.clone(),
        };
        let servers = self.apps.iter().enumerate().map(server);
        servers.zip(KEYS).zip(&self.names).map(|((s, key), name)| tables(name, key, &s, its, others)).collect()
    }

    /// Begins one of them. Returns the connections of its clients, the one that waits last.
    fn begin(&self, at: usize, edge: &Edge) -> Vec<std::net::TcpStream> {
        let send = || {
            let mut client = std::net::TcpStream::connect(edge.address()).unwrap();
            let host = &self.names[at];
            write!(client, "GET / HTTP/1.1\r\nHost: {host}.example\r\n\r\n").unwrap();
            client
        };
        let mut clients = vec![send()];
        if KEYS[at] != "connect" {
            wait_for("the request", || (self.apps[at].heads.load(Ordering::Relaxed) == 1).then_some(()));
        }
        match KEYS[at] {
            "queue" => clients.push(send()),
            "idle" => until(&mut clients[0], "part"),
            "pool_idle" => until(&mut clients[0], "ok"),
            _ => {}
        }
        clients
    }
}

fn until(client: &mut std::net::TcpStream, end: &str) {
    let (mut said, mut byte) = (String::new(), [0]);
    while !said.ends_with(end) {
        client.read_exact(&mut byte).unwrap();
        said.push(char::from(byte[0]));
    }
}

#[test]
fn every_limit_ends_its_own_wait_and_no_other() {
    let (short, long) = (Waits::new("short"), Waits::new("long"));
    let edge = Edge::with_config(
        &format!(
            "uid_base = {{uid_base}}\nlanes = 1\n[timeouts]\nwrite_seconds = 60\n\
             [[listen]]\naddress = \"{{address}}\"\n{}{}",
            short.tables(SHORT, LONG),
            long.tables(LONG, SHORT),
        ),
        &[],
    );
    let mut waiting: Vec<_> = (0..KEYS.len()).map(|at| long.begin(at, &edge)).collect();
    // They began later, so whatever of the first would end in the same time has ended before them.
    for (at, key) in KEYS.into_iter().enumerate() {
        let mut clients = short.begin(at, &edge);
        let client = clients.last_mut().unwrap();
        match key {
            "queue" => until(client, "HTTP/1.1 503 Service Unavailable\r\n"),
            "connect" => until(client, "HTTP/1.1 502 Bad Gateway\r\n"),
            "first_byte" => until(client, "HTTP/1.1 504 Gateway Timeout\r\n"),
            "idle" => assert!(client.read(&mut [0]).is_err(), "it looks whole"),
            _ => wait_for("the end of the idle connection", || {
                short.apps[at].closed.load(Ordering::Relaxed).then_some(())
            }),
        }
    }
    edge.wait_for_log("backend=queue-short why=queue");
    for (at, key) in KEYS.into_iter().enumerate() {
        let client = waiting[at].last_mut().unwrap();
        client.set_nonblocking(true).unwrap();
        let more = client.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(more, Err(ErrorKind::WouldBlock), "{key}: {}", edge.log());
        assert!(!long.apps[at].closed.load(Ordering::Relaxed), "{key}");
    }
}
