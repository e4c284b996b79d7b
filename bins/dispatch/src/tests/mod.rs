//! dispatch in one piece with a ring, a connect and backends made of socketpairs: what it owes
//! parse and a backend.

use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use fosse_counters::Counters;
use fosse_eventloop::{EventLoop, Events};
use fosse_settings::{Action, Backend, DispatchPolicy, DispatchSite, ServerName};
use fosse_stage::{
    Input, Output,
    fronts::{FromFronts, ToFronts},
};
use fosse_wire::{
    Kind, StreamId,
    connect::{ConnectRequest, Outcome, Reply},
    fields,
    frame::Hello,
    request::{BodyLength, RequestHead},
    response::Cause,
};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};

use crate::{exchange::limit::Limit, server::Server};

mod access;
mod ahead;
mod buffering;
mod ends;
mod handover;
mod logins;
mod parts;
mod requests;
mod room;

fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap()
}

/// A frame as parse gets it.
#[derive(Debug, PartialEq, Eq)]
struct Got(StreamId, Kind, Vec<u8>);

struct Fixture {
    server: Server,
    event_loop: EventLoop,
    events: Events,
    counters: Counters,
    to: Output,
    from: Input,
    connect: OwnedFd,
    /// The event loop of all that is not dispatch.
    peers: EventLoop,
    got: Vec<Got>,
}

fn backend() -> Backend {
    Backend {
        name: "b".into(),
        server_count: 1,
        connections_max: 4,
        queue_requests_max: 4,
        pool_connections_max: 4,
        connect_seconds: Duration::from_secs(60),
        queue_seconds: Duration::from_secs(60),
        first_byte_seconds: Duration::from_secs(60),
        idle_seconds: Duration::from_secs(60),
        pool_idle_seconds: Duration::from_secs(60),
        failures_max: 3,
        rest_seconds: Duration::from_secs(1),
        retry_budget_min: 10,
        ..Backend::default()
    }
}

fn config(backend: Backend) -> fosse_settings::Dispatch {
    fosse_settings::Dispatch {
        sites: vec![DispatchSite { default: true, ..DispatchSite::default() }],
        policies: vec![DispatchPolicy { action: Action::Backend(0), ..DispatchPolicy::default() }],
        servers: (0..backend.server_count)
            .map(|_| ServerName {
                name: "s".into(),
                backend: 0,
                weight: 1,
                backup: false,
                health_number: None,
                address_number: None,
                tls: false,
            })
            .collect(),
        backends: vec![backend],
        lane_held_bytes_max: 100_000,
        lane_buffered_bytes_max: 150_000,
        lane_response_bytes_max: 8 << 20,
        write_seconds: Duration::from_secs(30),
        response_head_bytes_max: 16_384,
        response_header_bytes_max: 16_384,
        response_header_count_max: 100,
        group: String::new(),
        configuration: 0,
    }
}

fn id(slot: u32) -> StreamId {
    StreamId::first(slot).unwrap()
}

impl Fixture {
    fn new(backend: Backend) -> Self {
        Self::of(config(backend))
    }

    fn of(settings: fosse_settings::Dispatch) -> Self {
        let ((to, input), (output, from)) = (pair(SocketType::STREAM), pair(SocketType::STREAM));
        let (ours, connect) = pair(SocketType::SEQPACKET);
        let event_loop = EventLoop::new().unwrap().without_linger();
        let (input, output) = (FromFronts::new(vec![input]), ToFronts::new(vec![output]));
        let server = Server::of(settings, input, (output, None), ours, None);
        server.watch(&event_loop).unwrap();
        Self {
            server,
            event_loop,
            events: Events::new(),
            counters: Counters::private(),
            to: Output::new(to, Hello::default()),
            from: Input::new(from),
            connect,
            peers: EventLoop::new().unwrap(),
            got: Vec::new(),
        }
    }

    /// Gives dispatch one turn, and keeps the frames that parse gets.
    fn turn(&mut self) {
        self.turn_within(None);
    }

    /// The same, after `wait_ms_max` though nothing has happened.
    fn turn_within(&mut self, wait_ms_max: Option<u64>) {
        self.to.flush(&self.peers, 1).unwrap();
        self.event_loop.poll_once(&mut self.events, wait_ms_max).unwrap();
        for event in &self.events {
            self.server.take(event, &self.event_loop, &self.counters).unwrap();
        }
        if self.event_loop.ticked() {
            self.server.tick(&self.event_loop, &self.counters);
        }
        self.server.end_overdue(&self.event_loop, &self.counters);
        self.server.flush(&self.event_loop, &self.counters).unwrap();
        while self.from.read().unwrap() {
            while let Some(frame) = self.from.next_frame().unwrap() {
                self.got.push(Got(frame.stream, frame.kind, frame.body.to_vec()));
            }
        }
    }

    /// Ends what is overdue, and what the stream waits for: its time is over, whatever the clock
    /// says.
    fn end_overdue(&mut self, id: StreamId) {
        let (_, _, streams, mut lane) = self.server.parts(&self.event_loop, &self.counters);
        if let Some(stream) = streams.get(id) {
            let limit = stream.timer.kind().expect("it waits without a limit");
            stream.timer.start(&mut lane.context.shared.deadlines, u32::try_from(id.slot()).unwrap(), limit, 0);
        }
        lane.end_overdue_streams(streams);
    }

    /// Returns the limit that the stream waits with, and its milliseconds.
    fn limit(&mut self, id: StreamId) -> Option<(Limit, u64)> {
        let timer = self.server.streams.get(id)?.timer;
        Some((timer.kind()?, timer.at_ms()? - self.event_loop.now_ms()))
    }

    fn send(&mut self, stream: StreamId, head: &RequestHead<'_>) {
        self.send_with(stream, head, None);
    }

    fn send_with(&mut self, stream: StreamId, head: &RequestHead<'_>, field: Option<(&[u8], &[u8])>) {
        let mut none = Vec::new();
        fields::put(&mut none, field).unwrap();
        let head = RequestHead {
            host: b"a.example",
            target: b"/",
            fields: fields::Fields::decode(&mut fosse_wire::cursor::Cursor::new(&none)).unwrap(),
            ..*head
        };
        self.to.outbox.frame(stream, Kind::Request, |body| head.encode(body)).unwrap();
        if head.body == BodyLength::None {
            self.end(stream);
        }
    }

    fn end(&mut self, stream: StreamId) {
        let mut none = Vec::new();
        fields::put(&mut none, std::iter::empty::<(&[u8], &[u8])>()).unwrap();
        self.to.outbox.raw(stream, Kind::RequestEnd, &none);
    }

    /// The tag of the one connect request that has come, if any.
    fn asked(&self) -> Option<u32> {
        asked(&self.connect)
    }

    /// Gives dispatch a connection; its other end.
    fn connected(&mut self) -> OwnedFd {
        let tag = self.asked().expect("a connect request");
        let (ours, theirs) = pair(SocketType::STREAM);
        let reply = Reply { tag, outcome: Outcome::Connected, errno: 0 };
        fosse_fdpass::send(&self.connect, &reply.encode(), &[theirs.as_fd()]).unwrap();
        drop(theirs);
        self.turn();
        ours
    }

    /// Statuses of all heads, interim ones included.
    fn statuses(&self, stream: StreamId) -> Vec<u16> {
        let heads = self.got.iter().filter(|got| got.0 == stream && got.1 == Kind::Response);
        heads.map(|got| fosse_wire::response::ResponseHead::decode(&got.2).unwrap().status).collect()
    }

    /// Causes of all heads.
    fn causes(&self, stream: StreamId) -> Vec<Cause> {
        let heads = self.got.iter().filter(|got| got.0 == stream && got.1 == Kind::Response);
        heads.map(|got| fosse_wire::response::ResponseHead::decode(&got.2).unwrap().cause).collect()
    }

    fn granted(&self, stream: StreamId) -> u32 {
        let of = |got: &&Got| got.0 == stream && got.1 == Kind::RequestCredit;
        self.got.iter().filter(of).map(|got| u32::from_le_bytes(got.2[..].try_into().unwrap())).sum()
    }
}

/// The tag of the one connect request that has come, if any.
fn asked(connect: &OwnedFd) -> Option<u32> {
    let mut bytes = [0; ConnectRequest::BYTES];
    let (count, _) = recv(connect, &mut bytes[..], RecvFlags::DONTWAIT).ok()?;
    Some(ConnectRequest::decode(&bytes[..count]).unwrap().tag)
}

fn heard(backend: &OwnedFd) -> Vec<u8> {
    let mut all = Vec::new();
    let mut piece = vec![0; 65_536];
    while let Ok((count @ 1.., _)) = recv(backend, &mut piece[..], RecvFlags::DONTWAIT) {
        all.extend_from_slice(&piece[..count]);
    }
    all
}

fn say(backend: &OwnedFd, bytes: &[u8]) {
    assert_eq!(rustix::io::write(backend, bytes).unwrap(), bytes.len());
}

fn post() -> RequestHead<'static> {
    RequestHead { connection: 7, request: 9, method: b"POST", ..RequestHead::default() }
}

fn get() -> RequestHead<'static> {
    RequestHead { method: b"GET", ..post() }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
