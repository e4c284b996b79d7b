//! The loop: what happened to which descriptor, then one write to each neighbour.

use std::os::fd::OwnedFd;

use fosse_counters::{Counters, DRAINING, LOG_DROPPED, TURNS, dispatch as count};
use fosse_die::{info, temporary};
use fosse_eventloop::slab::Key;
use fosse_eventloop::{Event, EventLoop, Events, Interest};
use fosse_fdpass::Received;
use fosse_inherit::{Blob, Expected, MEMORY, MESSAGES, STREAM, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_settings::Dispatch as Settings;
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::Ebb;
use fosse_wire::{
    Kind, direct,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};

use crate::{
    PROGRAM,
    context::{Context, token},
    exchange::{
        clients::Clients,
        stream::{Lease, Streams},
    },
    frames,
    lane::Lane,
    limits,
    upstream::{Upstream, connection::Use},
};

/// What the program has before its lock: nothing is read from it yet.
#[derive(Debug)]
pub struct Inputs {
    config: Sealed<Blob<Settings>>,
    input: Input,
    output: Output,
    start: Option<OwnedFd>,
    clients: Option<OwnedFd>,
    connect: OwnedFd,
    counters: Counters,
    event_loop: EventLoop,
}

/// The inherited descriptors.
const DESCRIPTORS: &[Expected] = &[
    Expected::required(0, STREAM, "request frames"),
    Expected::required(1, STREAM, "response frames"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::optional(8, MESSAGES, "client sockets from parse"),
    Expected::required(9, MESSAGES, "backend sockets from connect"),
];

/// Takes over the descriptors, before the lock; nothing is read from them yet.
#[must_use]
pub fn inputs() -> Inputs {
    let mut fds = inherit(PROGRAM, DESCRIPTORS);
    let config = fosse_inherit::blob(PROGRAM, &mut fds, 5);
    let event_loop =
        EventLoop::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs {
        config,
        input: Input::new(fds.required(0)),
        output: Output::new(fds.required(1), fosse_wire::frame::Hello::default()),
        start: fds.optional(7),
        clients: fds.optional(8),
        connect: fds.required(9),
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        event_loop,
    }
}

/// Serves until the lane ends.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let settings = inputs.config.open(locked).read();
    let context = Context::new(inputs.event_loop, inputs.counters, inputs.output);
    let mut server = Server::new(settings, inputs.connect, context);
    let mut neighbours = Neighbours { input: inputs.input, start: inputs.start, clients: inputs.clients };
    if let Err(errno) = neighbours.watch(&server.lane) {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    if let Some(start) = &neighbours.start {
        // Where that fails start is gone, which the first turn finds out.
        let _ = fosse_fdpass::send(start, &ToStart::Ready.encode(), &[]);
    }
    let mut events = Events::new();
    loop {
        if let Err(gone) = server.turn(&mut neighbours, &mut events) {
            server.finish(gone);
        }
    }
}

/// Who speaks to this program, connect and the backends excepted.
#[derive(Debug)]
pub(crate) struct Neighbours {
    pub(crate) input: Input,
    pub(crate) start: Option<OwnedFd>,
    /// Where parse lends sockets of clients.
    pub(crate) clients: Option<OwnedFd>,
}

impl Neighbours {
    fn watch(&self, lane: &Lane) -> Result<(), rustix::io::Errno> {
        let event_loop = &lane.context.event_loop;
        event_loop.add(&self.input, token::of(token::INPUT), Interest::IN)?;
        event_loop.add(lane.upstream.connect_fd(), token::of(token::CONNECT), Interest::IN)?;
        if let Some(clients) = &self.clients {
            event_loop.add(clients, token::of(token::CLIENTS), Interest::IN)?;
        }
        self.start.as_ref().map_or(Ok(()), |start| event_loop.add(start, token::of(token::START), Interest::IN))
    }
}

/// The program.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) streams: Streams,
    pub(crate) lane: Lane,
    /// Memory that a flood has left.
    ebb: Ebb,
    draining: bool,
}

impl Server {
    /// Before the first frame. The descriptors are watched by the caller.
    pub(crate) fn new(settings: Settings, connect: OwnedFd, context: Context) -> Self {
        let upstream = Upstream::new(&settings, connect);
        Self {
            streams: Streams::default(),
            lane: Lane { settings, upstream, clients: Clients::default(), context },
            ebb: Ebb::default(),
            draining: false,
        }
    }

    pub(crate) fn turn(&mut self, neighbours: &mut Neighbours, events: &mut Events) -> Result<(), Gone> {
        self.lane.context.event_loop.poll_once(events, None).map_err(Gone::Failed)?;
        self.lane.context.lease_bytes_left = limits::LEASE_TURN_ALL_BYTES_MAX;
        for event in &*events {
            self.on_event(event, neighbours)?;
        }
        if self.lane.context.event_loop.ticked() {
            self.tick();
        }
        self.send_requests();
        let context = &mut self.lane.context;
        context.counters.set(fosse_counters::STREAM_CONNECTION, 0);
        context.output.flush(&context.event_loop, token::of(token::OUTPUT))
    }

    fn on_event(&mut self, event: Event, neighbours: &mut Neighbours) -> Result<(), Gone> {
        let (kind, key) = Key::of_token(event.token);
        match kind {
            token::INPUT => self.on_frames(neighbours)?,
            token::CLIENTS => neighbours.clients.as_ref().map_or(Ok(()), |fd| self.on_client_sockets(fd))?,
            token::CONNECT => {
                while let Some(news) = self.lane.upstream.next_event(&self.lane.context)? {
                    self.lane.supplied(&mut self.streams, news);
                }
            }
            token::CONNECTION => self.on_backend(key, event),
            token::CLIENT => self.on_client(key),
            token::START => neighbours.start.as_ref().map_or(Ok(()), |fd| self.on_start_message(fd))?,
            // Output, watched while a write is blocked: every turn ends with one.
            _ => {}
        }
        Ok(())
    }

    /// Takes every frame that has come. parse sends a client's socket before the LEASE that needs
    /// it, so the sockets are fetched before the first of those, and only then: most turns bring
    /// none.
    pub(crate) fn on_frames(&mut self, neighbours: &mut Neighbours) -> Result<(), Gone> {
        neighbours.input.read()?;
        let mut clients = neighbours.clients.as_ref();
        while let Some(frame) = neighbours.input.next_frame()? {
            if frame.kind == Kind::Lease
                && let Some(fd) = clients.take()
            {
                self.on_client_sockets(fd)?;
            }
            frames::take(&frame, &mut self.streams, &mut self.lane)?;
        }
        Ok(())
    }

    /// A backend connection has something to read, or room to write.
    fn on_backend(&mut self, key: Key, event: Event) {
        // An earlier event of this turn may have closed it.
        let Some(connection) = self.lane.upstream.connections.get(key) else { return };
        match connection.used {
            // A lease that ended earlier in this turn has read what this event announced.
            Use::Idle(_) | Use::Pinned(_) if connection.has_nothing_to_read() => {}
            Use::Idle(_) | Use::Pinned(_) => self.lane.upstream.close(key, &self.lane.context),
            Use::Check(_) => self.lane.upstream.check_event(key, &mut self.lane.context),
            Use::Stream(id) => {
                let Some(stream) = self.streams.get(id) else {
                    return self.lane.context.state_error("stream of a connection is gone");
                };
                let outcome = self.lane.backend_ready(stream, event);
                let news = self.lane.settle(stream, outcome);
                let over = stream.is_over();
                self.lane.follow(&mut self.streams, id, over, news);
            }
        }
    }

    /// The client's socket has room, or (upgraded) bytes.
    fn on_client(&mut self, key: Key) {
        // An earlier event of this turn may have ended the lease, and what is heard of it then is
        // not for the next user of the connection.
        let Some(connection) = self.lane.upstream.connections.get(key) else { return };
        let Use::Stream(id) = connection.used else { return };
        let Some(stream) = self.streams.get(id) else {
            return self.lane.context.state_error("stream of a lease is gone");
        };
        if stream.lease == Lease::Held {
            let outcome = self.lane.client_ready(stream);
            let news = self.lane.settle(stream, outcome);
            let over = stream.is_over();
            self.lane.follow(&mut self.streams, id, over, news);
        }
    }

    /// Takes client sockets that parse lends, and word of connections that are over.
    pub(crate) fn on_client_sockets(&mut self, clients: &OwnedFd) -> Result<(), Gone> {
        let (mut bytes, mut fds) = ([0; direct::BATCH_MAX * 8], Vec::new());
        loop {
            match fosse_fdpass::receive(clients, &mut bytes, &mut fds).map_err(Gone::Failed)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(Gone::End),
                Received::Message(length) => {
                    let connections = direct::decode(&bytes[..length], fds.len())?;
                    if fds.is_empty() {
                        connections.iter().for_each(|c| self.client_ended(*c));
                    }
                    for (connection, fd) in connections.into_iter().zip(fds.drain(..)) {
                        self.lane.clients.insert(connection, fd, self.streams.len());
                    }
                }
            }
        }
    }

    fn client_ended(&mut self, connection: u64) {
        let Lane { upstream, clients, context, .. } = &mut self.lane;
        upstream.unpin_client(connection, context);
        clients.remove(connection, &context.event_loop);
    }

    fn on_start_message(&mut self, start: &OwnedFd) -> Result<(), Gone> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        loop {
            match fosse_fdpass::receive(start, &mut bytes, &mut fds).map_err(Gone::Failed)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(Gone::End),
                Received::Message(length) => {
                    if ToChild::decode(&bytes[..length], fds.len())? == ToChild::Drain {
                        self.draining = true;
                        self.lane.context.counters.set(DRAINING, 1);
                    }
                }
            }
        }
    }

    /// Twice a second: time limits, pools, health checks, and a sign of life.
    fn tick(&mut self) {
        let Context { counters, event_loop, buffered_bytes, .. } = &self.lane.context;
        counters.add(TURNS, 1);
        counters.set(LOG_DROPPED, fosse_die::dropped());
        counters.set_turns(event_loop.long_turns());
        counters.set(count::BUFFERED_BYTES, *buffered_bytes);
        counters.set(count::STREAMS, u64::try_from(self.streams.len()).unwrap_or(0));
        if self.ebb.look() {
            fosse_sys::memory::trim();
        }
        self.end_overdue_streams();
        self.lane.upstream.tick(self.draining, &self.lane.context);
    }

    pub(crate) fn end_overdue_streams(&mut self) {
        for id in self.streams.overdue(self.lane.context.now_ms()) {
            // The end of one stream ends no other.
            let Some(stream) = self.streams.get(id) else {
                self.lane.context.state_error("overdue stream is gone");
                continue;
            };
            let news = self.lane.expire(stream);
            let over = stream.is_over();
            self.lane.follow(&mut self.streams, id, over, news);
        }
    }

    /// Sends what this turn brought, once for each stream.
    fn send_requests(&mut self) {
        let mut sends = std::mem::take(&mut self.lane.context.sends);
        for id in sends.drain(..) {
            // It may be over since.
            if let Some(stream) = self.streams.get(id) {
                self.lane.send(stream);
            }
        }
        self.lane.context.sends = sends;
    }

    /// The lane is over: with nothing under way that is a clean end.
    fn finish(&self, gone: Gone) -> ! {
        // A turn has several neighbours: one may be found gone with the frames of another just
        // worked on.
        if gone.is_departure() {
            self.lane.context.counters.set(fosse_counters::STREAM_CONNECTION, 0);
        }
        if gone == Gone::End && (self.draining || self.streams.is_empty()) {
            info(PROGRAM, "event=end");
            std::process::exit(0);
        }
        temporary(PROGRAM, format_args!("ring: {gone}"))
    }
}
