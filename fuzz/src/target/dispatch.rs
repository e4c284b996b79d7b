//! Responses of servers through the whole of dispatch, with parse, connect and the server played:
//! parse gets frames in order, within its credit, of the length announced, and the same however the
//! bytes were cut.

use std::os::fd::{AsFd, OwnedFd};

use fosse_counters::{Counters, dispatch as count};
use fosse_dispatch::server::Server;
use fosse_eventloop::{EventLoop, Events};
use fosse_settings::{Action, Backend, Balance, Dispatch, DispatchPolicy, DispatchSite, HashBy, ServerName};
use fosse_stage::{
    Input, Output,
    fronts::{FromFronts, ToFronts},
};
use fosse_wire::{
    Kind, StreamId, connect,
    cursor::Cursor,
    fields,
    frame::{Hello, WINDOW_BYTES_INITIAL},
    order::Return,
    request::{BodyLength, RequestHead},
    response::{ResponseEnd, ResponseHead},
};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};

/// Turns after which a lane that still has something to do is stuck: each piece takes a few.
const TURNS_MAX: usize = 200_000;

/// Takes a response; its first byte says what was asked for, its second how it is cut.
///
/// # Panics
/// On a broken promise.
pub fn responses(data: &[u8]) {
    let [asked, step, response @ ..] = data else { return };
    let whole = Lane::new(*asked).respond(response, response.len().max(1));
    let pieces = Lane::new(*asked).respond(response, usize::from(*step).max(1));
    assert_eq!(whole, pieces, "cut every {step} bytes");
}

/// The response as parse has it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Received {
    /// Status and body of every head.
    heads: Vec<(u16, BodyLength)>,
    body: Vec<u8>,
    /// The kind of the last frame, once it has come.
    end: Option<Kind>,
}

/// dispatch, and the ends of all that it has to do with.
struct Lane {
    server: Server,
    event_loop: EventLoop,
    events: Events,
    counters: Counters,
    to: Output,
    from: Input,
    connect: OwnedFd,
    /// The event loop of all that is not dispatch.
    peers: EventLoop,
    to_head: bool,
    closes: bool,
    order: Return,
    credit: u64,
    received: Received,
}

fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socketpair(AddressFamily::UNIX, kind, flags, None).expect("a pair")
}

fn settings(inspect_responses: bool) -> Dispatch {
    let minute = std::time::Duration::from_secs(60);
    let backend = Backend {
        server_count: 1,
        connections_max: 1,
        queue_requests_max: 1,
        connect_seconds: minute,
        queue_seconds: minute,
        first_byte_seconds: minute,
        idle_seconds: minute,
        failures_max: 1,
        upgrade: vec!["websocket".into()],
        balance: Balance::Hash,
        hash_by: HashBy::Cookie("id".into()),
        sticky_cookie: "srv".into(),
        ..Backend::default()
    };
    Dispatch {
        sites: vec![DispatchSite { default: true, ..DispatchSite::default() }],
        policies: vec![DispatchPolicy { action: Action::Backend(0), inspect_responses, ..DispatchPolicy::default() }],
        backends: vec![backend],
        servers: vec![ServerName {
            name: "s".into(),
            backend: 0,
            weight: 1,
            backup: false,
            health_number: None,
            address_number: None,
            tls: false,
        }],
        lane_held_bytes_max: 1 << 20,
        lane_buffered_bytes_max: 1 << 20,
        lane_response_bytes_max: 1 << 20,
        write_seconds: minute,
        response_head_bytes_max: 16_384,
        response_header_bytes_max: 8_192,
        response_header_count_max: 100,
        group: String::new(),
        configuration: 0,
    }
}

const STREAM: u32 = 1;

impl Lane {
    /// A lane with one request, which has its connection to the server.
    fn new(asked: u8) -> Self {
        let is = |bit: u8| asked & bit != 0;
        let ((to, input), (output, from)) = (pair(SocketType::STREAM), pair(SocketType::STREAM));
        let (ours, connect) = pair(SocketType::SEQPACKET);
        let (event_loop, peers) = (EventLoop::new().expect("epoll"), EventLoop::new().expect("epoll"));
        let (input, output) = (FromFronts::new(vec![input]), ToFronts::new(vec![output]));
        let server = Server::of(settings(is(4)), input, (output, None), ours, None);
        server.watch(&event_loop).expect("it is watched");
        let mut lane = Self {
            server,
            event_loop: event_loop.without_linger(),
            events: Events::new(),
            counters: Counters::private(),
            to: Output::new(to, Hello::default()),
            from: Input::new(from),
            connect,
            peers,
            to_head: is(1),
            closes: is(2),
            order: Return::default(),
            credit: u64::from(WINDOW_BYTES_INITIAL),
            received: Received::default(),
        };
        lane.request(is(8), is(16));
        lane
    }

    fn request(&mut self, upgrade: bool, single_client: bool) {
        let mut list = Vec::new();
        fields::put(&mut list, [(&b"Sec-WebSocket-Key"[..], &b"dGhlIHNhbXBsZSBub25jZQ=="[..])]).expect("a field");
        let head = RequestHead {
            method: if self.to_head { b"HEAD" } else { b"GET" },
            host: b"a.example",
            target: b"/",
            upgrade: if upgrade { b"websocket" } else { b"" },
            single_client,
            fields: fields::Fields::decode(&mut Cursor::new(&list)).expect("a list"),
            ..RequestHead::default()
        };
        let id = StreamId::first(STREAM).expect("a slot");
        self.to.outbox.frame(id, Kind::Request, |body| head.encode(body)).expect("it fits");
        self.to.outbox.raw(id, Kind::RequestEnd, &[0; 2]);
        self.turn();
    }

    /// Connects dispatch to the server. Returns the server's end.
    fn connected(&mut self) -> OwnedFd {
        let mut bytes = [0; connect::ConnectRequest::BYTES];
        recv(&self.connect, &mut bytes[..], RecvFlags::DONTWAIT).expect("a connect request");
        let tag = connect::ConnectRequest::decode(&bytes).expect("a connect request").tag;
        let (server, theirs) = pair(SocketType::STREAM);
        let reply = connect::Reply { tag, outcome: connect::Outcome::Connected, errno: 0 };
        fosse_fdpass::send(&self.connect, &reply.encode(), &[theirs.as_fd()]).expect("room");
        self.turn();
        server
    }

    /// Plays the server that sends `response` in pieces of `step` bytes. Returns what parse got.
    fn respond(mut self, response: &[u8], step: usize) -> Received {
        let server = self.connected();
        let (mut rest, mut turns) = (response, 0);
        while self.received.end.is_none() && !rest.is_empty() {
            let piece = &rest[..step.min(rest.len())];
            let sent = send(&server, piece, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            rest = &rest[sent.map_or(0, |sent| sent)..];
            // dispatch has closed the connection: it knows enough.
            if sent == Err(rustix::io::Errno::PIPE) {
                break;
            }
            self.turn();
            turns += 1;
            assert!(turns < TURNS_MAX, "the server's bytes are never taken");
        }
        if self.closes {
            drop(server);
        }
        // Credit that comes back lets the next part go on; a few turns without any are the end.
        let mut last = (0, self.received.body.len());
        while self.received.end.is_none() && last.0 < 3 {
            self.turn();
            let length = self.received.body.len();
            last = (if length == last.1 { last.0 + 1 } else { 0 }, length);
        }
        assert_eq!(self.counters.get(count::STATE_ERRORS), 0, "dispatch's own books disagree");
        self.received
    }

    /// Gives dispatch one turn, and takes what it says.
    fn turn(&mut self) {
        self.to.flush(&self.peers, 1).expect("dispatch is there");
        self.event_loop.poll_once(&mut self.events, Some(0)).expect("epoll");
        for event in &self.events {
            self.server.take(event, &self.event_loop, &self.counters).expect("its peers keep the protocol");
        }
        self.server.flush(&self.event_loop, &self.counters).expect("parse is there");
        while self.from.read().expect("dispatch is there") {
            self.take_frames();
        }
    }

    fn take_frames(&mut self) {
        let Self { from, to, order, credit, received, to_head, .. } = self;
        while let Some(frame) = from.next_frame().expect("dispatch keeps the protocol") {
            assert!(received.end.is_none(), "{:?} after the end", frame.kind);
            assert_eq!(frame.stream.slot(), STREAM as usize);
            match frame.kind {
                Kind::Response => {
                    let head = ResponseHead::decode(frame.body).expect("a head");
                    *order = order.after(frame.kind, head.interim).expect("in order");
                    received.heads.push((head.status, head.body));
                    if head.lease {
                        // parse does not lend the socket, but gives up.
                        to.outbox.reset(frame.stream, fosse_wire::frame::ResetReason::Client);
                    }
                    continue;
                }
                Kind::ResponseData => {
                    received.body.extend_from_slice(frame.body);
                    let length = u64::try_from(frame.body.len()).expect("a length");
                    *credit = credit.checked_sub(length).expect("no more than was granted");
                    *credit += length;
                    let grant = u32::try_from(length).expect("a frame's length");
                    to.outbox.credit(frame.stream, Kind::ResponseCredit, grant);
                }
                Kind::ResponseEnd => {
                    ResponseEnd::decode(frame.body).expect("an end");
                    let (_, body) = received.heads.last().expect("a head before it");
                    match body {
                        BodyLength::Exact(length) if !*to_head && received.heads.last().is_some_and(has_body) => {
                            assert_eq!(u64::try_from(received.body.len()), Ok(*length), "the length announced");
                        }
                        BodyLength::Chunked => {}
                        _ => assert!(received.body.is_empty(), "a body where there is none"),
                    }
                    received.end = Some(frame.kind);
                }
                Kind::Reset => received.end = Some(frame.kind),
                _ => {}
            }
            *order = order.after(frame.kind, false).expect("in order");
        }
    }
}

/// Returns whether a response of this status has a body (RFC 9112, section 6.3).
fn has_body((status, _): &(u16, BodyLength)) -> bool {
    !matches!(status, 101 | 204 | 304)
}
