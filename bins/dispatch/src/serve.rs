//! The loop: what happened to which descriptor, then one write to each neighbour.

use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
};

use fosse_counters::{Counters, DRAINING, LOG_DROPPED, TURNS, dispatch as count};
use fosse_die::{info, temporary};
use fosse_eventloop::slab::{Key, Slab};
use fosse_eventloop::{Interest, Turn};
use fosse_fdpass::Received;
use fosse_inherit::{Blob, Expected, MEMORY, MESSAGES, STREAM, inherit};
use fosse_lockdown::{Locked, Sealed};
use fosse_stage::{Gone, Input, Output};
use fosse_sys::memory::Ebb;
use fosse_wire::{
    StreamId, direct,
    start::{MESSAGE_BYTES, ToChild, ToStart},
};

use crate::{answer::Date, limits, link::Link, pins::Pins, pool::Server, stream::Streams};

pub(crate) const PROGRAM: &str = "fosse-dispatch";

/// Kinds of event tokens: the highest byte beside a key or nothing.
pub(crate) mod token {
    pub const INPUT: u8 = 1;
    pub const OUTPUT: u8 = 2;
    pub const START: u8 = 3;
    pub const CLIENTS: u8 = 4;
    pub const CONNECT: u8 = 5;
    pub const LINK: u8 = 6;
    pub const CLIENT: u8 = 7;
    pub const fn of(kind: u8) -> u64 {
        (kind as u64) << fosse_eventloop::slab::KEY_BITS
    }
}

/// What the program was born with.
#[derive(Debug)]
pub struct Inputs {
    config: Sealed<Blob<fosse_settings::Dispatch>>,
    input: Input,
    output: Output,
    start: Option<OwnedFd>,
    clients: Option<OwnedFd>,
    connect: OwnedFd,
    counters: Counters,
    turn: Turn,
}

/// Everything a turn changes.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub config: fosse_settings::Dispatch,
    pub turn: Turn,
    pub counters: Counters,
    pub output: Output,
    pub connect: OwnedFd,
    pub streams: Streams,
    pub links: Slab<Link>,
    pub pins: Pins,
    pub servers: Vec<Server>,
    /// For each backend, where round robin stands.
    pub rounds: Vec<usize>,
    /// Sockets of clients, lent by parse, by connection.
    pub clients: HashMap<u64, Client>,
    /// How many of them at the most.
    pub clients_max: usize,
    /// Streams with bytes for their backend, sent at the end of the turn.
    pub queue: Vec<StreamId>,
    /// Server of each ask to connect that is not answered, by tag.
    pub asks: HashMap<u32, usize>,
    pub next_ask: u32,
    pub scratch: Vec<u8>,
    pub date: Date,
    /// Memory that a flood has left.
    pub ebb: Ebb,
    pub draining: bool,
    /// What is left of [`limits::LEASE_TURN_ALL_BYTES_MAX`] in this turn.
    pub lease_left: usize,
    /// Bytes of bodies that filters held and that are not yet sent to a backend.
    pub held_bytes: u64,
    /// Bytes of bodies that were buffered here and are not yet sent to a backend.
    pub buffered_bytes: u64,
}

/// A client's socket and the stream that writes to it.
#[derive(Debug)]
pub(crate) struct Client {
    pub fd: OwnedFd,
    /// Index for event tokens: the link whose answer it takes.
    pub link: Option<Key>,
    /// What it is watched for; empty while it is not.
    pub interest: Interest,
}

/// The descriptors it is born with.
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
    let turn = Turn::new().unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make epoll: {errno}")));
    Inputs {
        config,
        input: Input::new(fds.required(0)),
        output: Output::new(fds.required(1), fosse_wire::frame::Hello::default()),
        start: fds.optional(7),
        clients: fds.optional(8),
        connect: fds.required(9),
        counters: fosse_inherit::counters(PROGRAM, &mut fds, 6),
        turn,
    }
}

/// Serves until the ring ends.
pub fn run(inputs: Inputs, locked: Locked) -> ! {
    let config = inputs.config.open(locked).read();
    let mut input = inputs.input;
    let mut dispatch = Dispatch::new(config, inputs.turn, inputs.counters, inputs.output, inputs.connect);
    let watched = dispatch
        .turn
        .add(&input, token::of(token::INPUT), Interest::IN)
        .and_then(|()| dispatch.turn.add(&dispatch.connect, token::of(token::CONNECT), Interest::IN))
        .and_then(|()| {
            inputs.clients.as_ref().map_or(Ok(()), |fd| dispatch.turn.add(fd, token::of(token::CLIENTS), Interest::IN))
        })
        .and_then(|()| {
            inputs.start.as_ref().map_or(Ok(()), |fd| dispatch.turn.add(fd, token::of(token::START), Interest::IN))
        });
    if let Err(errno) = watched {
        temporary(PROGRAM, format_args!("unable to watch descriptors: {errno}"));
    }
    if let Some(start) = &inputs.start {
        let _ = fosse_fdpass::send(start, &ToStart::Ready.encode(), &[]);
    }
    loop {
        if let Err(gone) = dispatch.one_turn(&mut input, inputs.start.as_ref(), inputs.clients.as_ref()) {
            dispatch.finish(gone);
        }
    }
}

impl Dispatch {
    /// Before the first frame. The descriptors are watched by the caller.
    pub(crate) fn new(
        config: fosse_settings::Dispatch,
        turn: Turn,
        counters: Counters,
        output: Output,
        connect: OwnedFd,
    ) -> Self {
        let servers = config
            .servers
            .iter()
            .map(|s| Server { backend: usize::try_from(s.backend).unwrap_or(usize::MAX), ..Server::default() });
        Self {
            servers: servers.collect(),
            rounds: vec![0; config.backends.len()],
            config,
            turn,
            counters,
            output,
            connect,
            streams: Streams::default(),
            links: Slab::default(),
            pins: Pins::new(),
            clients: HashMap::new(),
            clients_max: limits::CLIENTS_MAX,
            queue: Vec::new(),
            asks: HashMap::new(),
            next_ask: 0,
            scratch: vec![0; limits::READ_BYTES],
            date: Date::default(),
            ebb: Ebb::default(),
            draining: false,
            lease_left: limits::LEASE_TURN_ALL_BYTES_MAX,
            held_bytes: 0,
            buffered_bytes: 0,
        }
    }

    pub(crate) fn one_turn(
        &mut self,
        input: &mut Input,
        start: Option<&OwnedFd>,
        clients: Option<&OwnedFd>,
    ) -> Result<(), Gone> {
        self.turn.wait().map_err(Gone::Failed)?;
        self.lease_left = limits::LEASE_TURN_ALL_BYTES_MAX;
        let mut at = 0;
        while let Some(event) = self.turn.happened(at) {
            at = at.saturating_add(1);
            let (kind, key) = Key::of_token(event.token);
            match kind {
                token::INPUT => self.frames(input, clients)?,
                token::CLIENTS => clients.map_or(Ok(()), |fd| self.lent(fd))?,
                token::CONNECT => self.connected()?,
                token::LINK => self.link_event(key, event),
                token::CLIENT => self.client_event(key, event),
                token::START => start.map_or(Ok(()), |fd| self.told(fd))?,
                _ => {}
            }
        }
        if self.turn.ticked() {
            self.tick();
        }
        self.send_requests();
        self.counters.set(fosse_counters::STREAM_CONNECTION, 0);
        self.output.flush(&self.turn, token::of(token::OUTPUT))
    }

    /// Twice a second: time limits, pools, health checks, and a sign of life.
    fn tick(&mut self) {
        self.counters.add(TURNS, 1);
        self.counters.set(LOG_DROPPED, fosse_die::dropped());
        self.counters.set_turns(self.turn.long_turns());
        self.counters.set(count::BUFFERED_BYTES, self.buffered_bytes);
        self.counters.set(count::STREAMS, u64::try_from(self.streams.len()).unwrap_or(0));
        if self.ebb.look() {
            fosse_sys::memory::trim();
        }
        self.overdue_streams();
        self.overdue_links();
        self.health_checks();
        (0..self.servers.len()).for_each(|at| self.ask_if_needed(at));
    }

    /// What start says.
    fn told(&mut self, start: &OwnedFd) -> Result<(), Gone> {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut fds = Vec::new();
        loop {
            match fosse_fdpass::receive(start, &mut bytes, &mut fds).map_err(Gone::Failed)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(Gone::End),
                Received::Message(count) => {
                    let message = ToChild::decode(bytes.get(..count).unwrap_or_default(), fds.len())?;
                    if message == ToChild::Drain {
                        self.draining = true;
                        self.counters.set(DRAINING, 1);
                    }
                }
            }
        }
    }

    /// Client sockets that parse lends, and word of connections that are over.
    pub(crate) fn lent(&mut self, clients: &OwnedFd) -> Result<(), Gone> {
        let mut bytes = [0; direct::BATCH_MAX * 8];
        let mut fds = Vec::new();
        loop {
            match fosse_fdpass::receive(clients, &mut bytes, &mut fds).map_err(Gone::Failed)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(Gone::End),
                Received::Message(count) => {
                    let connections = direct::decode(bytes.get(..count).unwrap_or_default(), fds.len())?;
                    if fds.is_empty() {
                        connections.iter().for_each(|c| self.client_ended(*c));
                    }
                    for (connection, fd) in connections.into_iter().zip(fds.drain(..)) {
                        // Those asked for below the limit may still come, one for each request under way at the most.
                        if self.clients.len() < self.clients_max.saturating_add(self.streams.len()) {
                            self.clients.insert(connection, Client { fd, link: None, interest: Interest::empty() });
                        }
                    }
                }
            }
        }
    }

    /// Whether that connection's socket is here, or there is room for it. Without, answers go round the ring.
    pub(crate) fn has_room_for_client(&self, connection: u64) -> bool {
        self.clients.len() < self.clients_max || self.clients.contains_key(&connection)
    }

    fn client_ended(&mut self, connection: u64) {
        self.unpin_client(connection);
        if let Some(client) = self.clients.remove(&connection)
            && !client.interest.is_empty()
        {
            let _ = self.turn.remove(client.fd.as_fd());
        }
    }

    /// The ring is over: with nothing under way that is a clean end.
    fn finish(&self, gone: Gone) -> ! {
        // A turn has several neighbours: one may be found gone with the frames of another just worked on.
        if gone.is_departure() {
            self.counters.set(fosse_counters::STREAM_CONNECTION, 0);
        }
        if gone == Gone::End && (self.draining || self.streams.is_empty()) {
            info(PROGRAM, "event=end");
            std::process::exit(0);
        }
        temporary(PROGRAM, format_args!("ring: {gone}"))
    }
}
