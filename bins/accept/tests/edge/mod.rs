//! start and lanes, played by the test: the real fosse-accept between them, locked down as it is in
//! an edge.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fosse_fdpass::{Received, receive, send};
use fosse_harness::sockets::{connect_from, pair, readable, send_when_free};
use fosse_harness::{Stage, stat_field};
use fosse_settings::{Accept, AcceptListener};
use fosse_sys::memfd;
use fosse_wire::channel::{self, Connection, Kind, MESSAGE_BYTES_MAX, Message, Tally};
use fosse_wire::start::{Door, ToChild, ToStart};
use rustix::net::SocketType;

/// Longest wait for something that must happen: no machine is so slow or busy.
pub(crate) const SOON: Duration = fosse_harness::WAIT_MAX;

/// A running fosse-accept.
pub(crate) struct Edge(Stage);

impl Deref for Edge {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.0
    }
}

impl DerefMut for Edge {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.0
    }
}

/// One lane's end of a channel, and accept's end as start keeps it.
pub(crate) struct Lane {
    pub(crate) number: u32,
    door: Door,
    near: OwnedFd,
    far: OwnedFd,
}

pub(crate) fn listener(settings: AcceptListener) -> Accept {
    Accept { connections_max: 1000, listeners: vec![settings] }
}

impl Edge {
    pub(crate) fn new(settings: &Accept) -> Edge {
        Edge::with_shell(settings, "")
    }

    /// Shell words run first, to lower limits with.
    pub(crate) fn with_shell(settings: &Accept, first: &str) -> Edge {
        let blob = fosse_wire::blob::encode(settings).unwrap();
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-accept")), Some(&blob), Vec::new(), first);
        assert_eq!(stage.said(), ToStart::Ready, "{}", stage.log());
        Edge(stage)
    }

    /// Under strace, which writes to `trace`; `None` where there is no strace.
    pub(crate) fn traced(settings: &Accept, trace: &Path) -> Option<Edge> {
        Command::new("strace").arg("-V").stdout(Stdio::null()).status().ok()?;
        Some(Edge::with_shell(settings, &format!("set -- strace -o '{}' \"$@\";", trace.display())))
    }

    pub(crate) fn order(&self, order: ToChild, fd: Option<&dyn AsFd>) {
        self.0.order(order, fd.map(|fd| fd.as_fd()));
    }

    pub(crate) fn listen(&self, number: u16, socket: &dyn AsFd) {
        self.order(ToChild::Listen { listener: number, generation: 1 }, Some(socket));
    }

    /// A listener on 127.0.0.1 that accept has too.
    pub(crate) fn listen_v4(&self, number: u16) -> SocketAddr {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        self.listen(number, &socket);
        socket.local_addr().unwrap()
    }

    /// A lane of which accept does not know yet.
    pub(crate) fn lane_unheard(&self, number: u32) -> Lane {
        self.door_unheard(number, Door::Parse)
    }

    fn door_unheard(&self, number: u32, door: Door) -> Lane {
        let (near, far) = pair(SocketType::SEQPACKET);
        Lane { number, door, near, far }
    }

    pub(crate) fn lane(&self, number: u32, connections_max: u32) -> Lane {
        let lane = self.lane_unheard(number);
        self.adopt(&lane, connections_max, false);
        lane
    }

    /// The door of a lane for those who speak TLS.
    pub(crate) fn tls_door(&self, number: u32, connections_max: u32) -> Lane {
        let lane = self.door_unheard(number, Door::Tls);
        self.adopt(&lane, connections_max, false);
        lane
    }

    pub(crate) fn adopt(&self, lane: &Lane, connections_max: u32, known: bool) {
        self.order(ToChild::LaneAdd { lane: lane.number, door: lane.door, connections_max, known }, Some(&lane.far));
    }

    /// The process of a lane is gone: accept gets the end that it read.
    pub(crate) fn rest(&self, lane: Lane) {
        self.order(ToChild::LaneRest { lane: lane.number, door: lane.door }, Some(&lane.near));
    }

    pub(crate) fn lists(&self, generation: u32, allow: &str, deny: &str) {
        let image = fosse_cidr::compile(allow.as_bytes(), deny.as_bytes()).unwrap();
        self.image(generation, &image);
    }

    pub(crate) fn image(&self, generation: u32, image: &[u8]) {
        let image = memfd::sealed("addresses", image).unwrap();
        self.order(ToChild::Addresses { listener: u16::MAX, generation }, Some(&image));
        self.settle();
    }

    /// Waits until what was ordered before is in force: a turn that was under way may not have seen
    /// it, the next has.
    pub(crate) fn settle(&self) {
        self.wait_for_turns(2);
    }

    /// Turns and CPU time (in clock ticks of 10 ms) accept takes in a second, however late a busy
    /// machine wakes the test.
    pub(crate) fn effort(&self) -> (u64, u64) {
        let (turns, ticks, begun) = (self.count(fosse_counters::TURNS), self.cpu_ticks(), Instant::now());
        std::thread::sleep(Duration::from_secs(1));
        let a_second = |count: u64| (count as f64 / begun.elapsed().as_secs_f64()).ceil() as u64;
        (a_second(self.count(fosse_counters::TURNS) - turns), a_second(self.cpu_ticks() - ticks))
    }

    pub(crate) fn cpu_ticks(&self) -> u64 {
        // In user space and in the kernel.
        [14, 15].map(|number| stat_field(self.pid(), number).unsigned_abs()).iter().sum()
    }

    pub(crate) fn kill(self) {
        self.0.kill();
    }
}

impl Lane {
    /// Returns the next message, or none in this time.
    pub(crate) fn next(&self, wait: Duration) -> Option<(Message, Vec<OwnedFd>)> {
        if !readable(&self.near, wait) {
            return None;
        }
        let (mut bytes, mut fds) = (vec![0; MESSAGE_BYTES_MAX], Vec::new());
        match receive(&self.near, &mut bytes, &mut fds).unwrap() {
            Received::Message(len) => Some((channel::decode(&bytes[..len], fds.len()).unwrap(), fds)),
            Received::Nothing | Received::End => None,
        }
    }

    /// Takes this number of connections, in as many messages as they come in. Requests to end idle
    /// ones, which come with the last ones that there may be, and words on sources are passed over.
    pub(crate) fn take(&self, count: usize) -> Vec<(Connection, OwnedFd)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let (message, fds) = self.next(SOON).expect("connections arrive");
            assert!(matches!(message.kind, Kind::Connections | Kind::Relieve | Kind::Penalised), "{message:?}");
            taken.extend(message.connections.into_iter().zip(fds));
        }
        assert_eq!(taken.len(), count);
        taken
    }

    /// Returns whether nothing has come, nor comes of what accept was sent so far.
    pub(crate) fn is_quiet(&self, edge: &Edge) -> bool {
        edge.settle();
        self.next(Duration::ZERO).is_none()
    }

    /// Returns the number of connections that have come, with those that come of what accept was
    /// sent so far.
    pub(crate) fn arrived(&self, edge: &Edge) -> usize {
        edge.settle();
        std::iter::from_fn(|| self.next(Duration::ZERO)).map(|(_, fds)| fds.len()).sum()
    }

    pub(crate) fn say(&self, kind: Kind, connections: &[Connection], fds: &[&OwnedFd]) {
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, kind, connections);
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        send_when_free(&self.near, &bytes, &fds);
    }

    /// Says something of sources: 127.0.0.`last`, and a number.
    pub(crate) fn say_of(&self, kind: Kind, last: u8, number: u64) {
        let mut bytes = Vec::new();
        channel::encode_tallies(&mut bytes, kind, &[tally(last, number)]);
        send_when_free(&self.near, &bytes, &[]);
    }

    pub(crate) fn say_raw(&self, bytes: &[u8]) {
        send(&self.near, bytes, &[]).unwrap();
    }

    pub(crate) fn close(&self, connection: &Connection) {
        self.say(Kind::Closed, &[*connection], &[]);
    }
}

/// A number that is said of 127.0.0.`last`.
pub(crate) fn tally(last: u8, number: u64) -> Tally {
    Tally { address: Ipv4Addr::new(127, 0, 0, last).to_ipv6_mapped().octets(), bits: 128, number }
}

/// A client that comes from 127.0.0.`last` and speaks, as the kernel would report it a second later
/// otherwise, and not in the order of others.
pub(crate) fn client_from(last: u8, to: SocketAddr) -> TcpStream {
    speak(connect_from(last, to, SOON).unwrap())
}

/// A client that speaks.
pub(crate) fn client(to: SocketAddr) -> TcpStream {
    speak(silent_client(to))
}

/// A client that says nothing.
pub(crate) fn silent_client(to: SocketAddr) -> TcpStream {
    TcpStream::connect(to).unwrap()
}

fn speak(mut client: TcpStream) -> TcpStream {
    client.write_all(b"G").unwrap();
    client
}

/// Returns how the other side ends the connection: "reset", "end", or "open" if it does not.
pub(crate) fn fate(stream: &mut TcpStream) -> &'static str {
    stream.set_read_timeout(Some(SOON)).unwrap();
    fate_now(stream)
}

/// Returns how the other side has ended the connection so far.
pub(crate) fn fate_so_far(stream: &mut TcpStream) -> &'static str {
    stream.set_nonblocking(true).unwrap();
    fate_now(stream)
}

fn fate_now(stream: &mut TcpStream) -> &'static str {
    match stream.read(&mut [0]) {
        Ok(0) => "end",
        Ok(_) => "bytes",
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => "reset",
        Err(_) => "open",
    }
}

/// A socket as a file, to read and write on.
pub(crate) fn file(fd: OwnedFd) -> File {
    File::from(fd)
}
