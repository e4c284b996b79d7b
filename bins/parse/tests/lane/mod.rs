//! accept, dispatch, start and clients, played by the test: the real fosse-parse between them,
//! locked down as it is in an edge.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use fosse_fdpass::{Received, receive, send};
use fosse_harness::Stage;
pub(crate) use fosse_harness::sockets::readable;
use fosse_harness::sockets::{pair, send_when_free};
use fosse_settings::{Parse, ParseListener, ParsePolicy, ParseSite};
use fosse_stage::{Input, Output};
use fosse_wire::channel::{self, Connection};
use fosse_wire::frame::Hello;
use fosse_wire::request::{BodyLength, Endpoint, RequestHead};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::start::{ToChild, ToStart};
use fosse_wire::{Kind, StreamId, direct};
use rustix::net::SocketType;

/// Longest wait for something that must happen: no machine is so slow or busy.
pub(crate) const SOON: Duration = fosse_harness::WAIT_MAX;

/// A running fosse-parse with the test at all its other ends.
pub(crate) struct Lane {
    stage: Stage,
    pub(crate) forward: Option<Input>,
    pub(crate) back: Option<Output>,
    pub(crate) accept: OwnedFd,
    pub(crate) direct: OwnedFd,
    pub(crate) access: OwnedFd,
    connection: u64,
}

/// A frame as the test keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) stream: StreamId,
    pub(crate) kind: Kind,
    pub(crate) body: Vec<u8>,
}

impl Kept {
    pub(crate) fn head(&self) -> RequestHead<'_> {
        assert_eq!(self.kind, Kind::Request, "{self:?}");
        RequestHead::decode(&self.body).unwrap()
    }
}

/// A policy that takes what the defaults of fosse.toml(5) let pass.
pub(crate) fn policy() -> ParsePolicy {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    ParsePolicy { methods: methods.map(str::to_owned).to_vec(), body_bytes_max: u64::MAX, ..ParsePolicy::default() }
}

pub(crate) fn settings() -> Parse {
    Parse {
        listeners: vec![ParseListener::default(), ParseListener { proxy_protocol: true, ..ParseListener::default() }],
        sites: vec![ParseSite { hosts: vec!["a.example".into()], name: "a".into(), ..ParseSite::default() }],
        policies: vec![policy()],
        head_seconds: Duration::from_secs(100),
        body_seconds: Duration::from_secs(100),
        idle_seconds: Duration::from_secs(100),
        write_seconds: Duration::from_secs(100),
        linger: Duration::from_secs(1),
        drain_seconds_max: Duration::from_secs(100),
        head: fosse_settings::HeadLimits {
            head_bytes_max: 16_384,
            target_bytes_max: 4_096,
            header_bytes_max: 8_192,
            header_count_max: 64,
        },
        upgrade: vec!["websocket".into()],
        access_log: true,
        access_log_fields: fosse_settings::AccessField::ALL.to_vec(),
        ..Parse::default()
    }
}

impl Lane {
    pub(crate) fn new(settings: &Parse) -> Lane {
        let (forward, out) = pair(SocketType::STREAM);
        let (back, input) = pair(SocketType::STREAM);
        let (accept, accept_far) = pair(SocketType::SEQPACKET);
        let (direct, direct_far) = pair(SocketType::SEQPACKET);
        let (access, access_far) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let blob = fosse_wire::blob::encode(settings).unwrap();
        let fds = vec![(0, input), (1, out), (8, accept_far), (9, direct_far), (10, access_far)];
        let stage = Stage::spawn(Path::new(env!("CARGO_BIN_EXE_fosse-parse")), Some(&blob), fds, "");
        let mut back = Output::new(back, Hello::default());
        back.flush_waiting().unwrap();
        let forward = Some(Input::new(forward));
        let lane = Lane { stage, forward, back: Some(back), accept, direct, access, connection: 0 };
        assert_eq!(lane.said(), ToStart::Ready);
        lane
    }

    pub(crate) fn order(&self, order: ToChild) {
        self.stage.order(order, None);
    }

    /// start goes.
    pub(crate) fn abandon(&mut self) {
        self.stage.abandon();
    }

    /// Everything parse has logged.
    pub(crate) fn log(&self) -> String {
        self.stage.log()
    }

    /// What parse says to start next.
    pub(crate) fn said(&self) -> ToStart {
        self.stage.said()
    }

    /// A client whose connection has been passed to parse.
    pub(crate) fn client(&mut self) -> TcpStream {
        self.client_as(Connection { peer: Endpoint::from_socket("192.0.2.7:7".parse().unwrap()), ..Default::default() })
    }

    /// The same, where the client has said this before parse has its connection: no time limit is
    /// over before.
    pub(crate) fn client_saying(&mut self, text: &str) -> TcpStream {
        let record = Connection { peer: Endpoint::from_socket("192.0.2.7:7".parse().unwrap()), ..Default::default() };
        self.client_as_saying(record, text)
    }

    pub(crate) fn client_as(&mut self, record: Connection) -> TcpStream {
        self.client_as_saying(record, "")
    }

    pub(crate) fn client_as_saying(&mut self, record: Connection, text: &str) -> TcpStream {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        client.set_read_timeout(Some(SOON)).unwrap();
        client.set_nodelay(true).unwrap();
        say(&client, text);
        assert!(text.is_empty() || readable(&served, SOON));
        self.pass(record, served.as_fd());
        client
    }

    pub(crate) fn pass(&mut self, record: Connection, fd: std::os::fd::BorrowedFd<'_>) {
        // As it comes from accept.
        rustix::net::sockopt::set_socket_linger(fd, Some(Duration::ZERO)).unwrap();
        self.connection += 1;
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, channel::Kind::Connections, &[Connection { id: self.connection, ..record }]);
        send(&self.accept, &bytes, &[fd]).unwrap();
    }

    /// The next frame of the ring, without credit for responses.
    pub(crate) fn frame(&mut self) -> Kept {
        self.frame_within(SOON).expect("no frame came")
    }

    pub(crate) fn frame_within(&mut self, wait: Duration) -> Option<Kept> {
        let forward = self.forward.as_mut().unwrap();
        let begun = Instant::now();
        loop {
            while let Some(frame) = forward.next_frame().unwrap() {
                if frame.kind != Kind::ResponseCredit {
                    return Some(Kept { stream: frame.stream, kind: frame.kind, body: frame.body.to_vec() });
                }
            }
            let left = wait.checked_sub(begun.elapsed())?;
            if !readable(&*forward, left) {
                return None;
            }
            forward.read().unwrap();
        }
    }

    /// Waits until parse has done what comes of everything it was sent before. It counts a turn as
    /// it begins: one may have begun before, one takes a connection, the next what it says, and is
    /// over once another has begun.
    pub(crate) fn settle(&self) {
        self.stage.wait_for_turns(3);
    }

    /// No frame but credit for responses has come, nor does one come of what parse was sent so far.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.settle();
        let forward = self.forward.as_mut().unwrap();
        while readable(&*forward, Duration::ZERO) {
            forward.read().unwrap();
            while let Some(frame) = forward.next_frame().unwrap() {
                if frame.kind != Kind::ResponseCredit {
                    return false;
                }
            }
        }
        true
    }

    /// A message to parse, as soon as there is room for it.
    pub(crate) fn tell(&self, bytes: &[u8]) {
        send_when_free(&self.accept, bytes, &[]);
    }

    /// Head and end of a request without a body.
    pub(crate) fn request(&mut self) -> Kept {
        let head = self.frame();
        assert_eq!(head.kind, Kind::Request, "{head:?}");
        let end = self.frame();
        assert_eq!((end.kind, end.stream), (Kind::RequestEnd, head.stream));
        head
    }

    pub(crate) fn flush(&mut self) {
        self.back.as_mut().unwrap().flush_waiting().unwrap();
    }

    pub(crate) fn head(&mut self, stream: StreamId, head: &ResponseHead<'_>, fields: &[(&str, &str)]) {
        let out = &mut self.back.as_mut().unwrap().outbox;
        out.frame(stream, Kind::Response, |body| {
            head.encode_fixed(body);
            fosse_wire::fields::put(body, fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        })
        .unwrap();
        self.flush();
    }

    pub(crate) fn data(&mut self, stream: StreamId, data: &[u8]) {
        self.back.as_mut().unwrap().outbox.data(stream, Kind::ResponseData, data);
        self.flush();
    }

    pub(crate) fn end(&mut self, stream: StreamId, leased_bytes: u64) {
        let out = &mut self.back.as_mut().unwrap().outbox;
        let end = ResponseEnd { leased_bytes, ..Default::default() };
        out.frame(stream, Kind::ResponseEnd, |body| end.encode(body)).unwrap();
        self.flush();
    }

    /// A frame of any form, straight into the ring.
    pub(crate) fn raw(&mut self, stream: StreamId, kind: Kind, body: &[u8]) {
        self.back.as_mut().unwrap().outbox.raw(stream, kind, body);
        self.flush();
    }

    /// Sends a whole response.
    pub(crate) fn respond(&mut self, stream: StreamId, body: &[u8]) {
        let length = BodyLength::Exact(body.len() as u64);
        self.head(stream, &ResponseHead { status: 200, body: length, ..Default::default() }, &[("X-Is", "x")]);
        if !body.is_empty() {
            self.data(stream, body);
        }
        self.end(stream, 0);
    }

    /// The next message of parse to accept, with its descriptors.
    pub(crate) fn next_to_accept(&self) -> (channel::Message, Vec<OwnedFd>) {
        let mut bytes = [0; channel::MESSAGE_BYTES_MAX];
        let mut fds = Vec::new();
        assert!(readable(&self.accept, SOON), "accept hears nothing");
        match receive(&self.accept, &mut bytes, &mut fds).unwrap() {
            Received::Message(length) => (channel::decode(&bytes[..length], fds.len()).unwrap(), fds),
            other => panic!("{other:?}"),
        }
    }

    /// The next message to dispatch beside the ring.
    pub(crate) fn next_to_dispatch(&self) -> (Vec<u64>, Vec<OwnedFd>) {
        let mut bytes = [0; 1024];
        let mut fds = Vec::new();
        assert!(readable(&self.direct, SOON), "dispatch hears nothing");
        match receive(&self.direct, &mut bytes, &mut fds).unwrap() {
            Received::Message(length) => (direct::decode(&bytes[..length], fds.len()).unwrap(), fds),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn logged(&self) -> String {
        assert!(readable(&self.access, SOON), "nothing is logged");
        let mut bytes = [0; 4096];
        let length = rustix::io::read(&self.access, &mut bytes).unwrap();
        assert_ne!(length, 0, "parse has no access log: {}", self.log());
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    pub(crate) fn exit(&mut self) -> ExitStatus {
        self.stage.exit()
    }
}

/// What `step` gives where it was done within `limit`. A machine that was too busy for that has
/// shown nothing, and is asked again.
pub(crate) fn in_time<T>(limit: Duration, mut step: impl FnMut() -> T) -> T {
    let once = || {
        let begun = Instant::now();
        let done = step();
        (begun.elapsed() < limit).then_some(done)
    };
    std::iter::repeat_with(once).take(100).flatten().next().expect("the machine has a moment")
}

/// Sends all of it.
pub(crate) fn say(mut client: &TcpStream, text: &str) {
    client.write_all(text.as_bytes()).unwrap();
}

/// Reads exactly what must come.
pub(crate) fn expect(mut client: &TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    let mut at = 0;
    while at < bytes.len() {
        match client.read(&mut bytes[at..]) {
            Ok(count) if count > 0 => at += count,
            other => panic!("{other:?} after {:?}, not {text:?}", String::from_utf8_lossy(&bytes[..at])),
        }
    }
    assert_eq!(String::from_utf8_lossy(&bytes), text);
}

/// Everything up to a clean end.
pub(crate) fn rest(mut client: &TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

/// Everything up to a reset.
pub(crate) fn until_reset(mut client: &TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let mut all = Vec::new();
    loop {
        match client.read(&mut bytes) {
            Ok(0) => panic!("a clean end"),
            Ok(count) => all.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) const GET: &str = "GET /x?y HTTP/1.1\r\nHost: A.Example\r\n\r\n";
pub(crate) const HELLO: &str = "HTTP/1.1 200 OK\r\nX-Is: x\r\nContent-Length: 5\r\n\r\nhello";
