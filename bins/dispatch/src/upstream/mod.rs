//! The servers and the connections to them. It knows requests by id only: a request for a
//! connection is met at once, or later by an [`Event`].

pub(crate) mod affinity;
mod balance;
pub(crate) mod budget;
mod checked;
pub(crate) mod connection;
mod idle;
mod named;
pub(crate) mod pins;
pub(crate) mod pool;
mod queue;
pub(crate) mod records;
mod servers;
pub(crate) mod states;
pub(crate) mod supply;
pub(crate) mod tried;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_connector::{Connector, Failure};
use fosse_counters::{Counters, Server as Shown, dispatch as count};
use fosse_deadlines::Deadlines;
use fosse_die::warning;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::{Key, Slab};
use fosse_settings::Dispatch as Settings;
use fosse_source::Source;
use fosse_stage::Gone;
use fosse_wire::StreamId;

use self::{
    balance::Choice,
    connection::{Connection, Limit, Pin, Use},
    pins::Pins,
    servers::Servers,
    states::Reports,
    supply::{Event, Supply},
    tried::{Tried, Wanted},
};
use crate::{
    PROGRAM,
    context::{Context, token},
};

/// All servers, and all connections to them.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) servers: Servers,
    pub(crate) connections: Slab<Connection>,
    pub(crate) pins: Pins,
    /// Ends of the limits of connections, by slot.
    deadlines: Deadlines,
    /// The purpose of a connection is that server, with the edition of its address.
    connect: Connector<(usize, u64)>,
    /// The pages in which others say how servers are.
    reports: Reports,
    /// Name of the group that connect has; empty where it has one of its own.
    group: String,
}

impl Upstream {
    pub(crate) fn new(settings: &Settings, connect: OwnedFd) -> Self {
        Self {
            servers: Servers::new(settings),
            connections: Slab::default(),
            pins: Pins::default(),
            deadlines: Deadlines::default(),
            connect: Connector::new(connect),
            reports: Reports::default(),
            group: settings.group.clone(),
        }
    }

    /// Takes over what another lane knew of the servers by requests and what others say of them,
    /// and shows it for the lanes that come next.
    pub(crate) fn inherit(&mut self, known: &[Shown], reports: Reports, counters: &Counters, now_ms: u64) {
        self.reports = reports;
        self.read_addresses();
        self.servers.inherit(known, now_ms);
        self.read_health(now_ms);
        self.read_states(now_ms);
        self.servers.show(counters, now_ms);
    }

    /// Returns the socket on which connect replies.
    pub(crate) fn connect_fd(&self) -> BorrowedFd<'_> {
        self.connect.as_fd()
    }

    /// Returns the idle connection that is pinned to `pin`'s client and leads to that backend. One
    /// that another address of the same client connection logged in is closed instead.
    pub(crate) fn take_pinned(&mut self, id: StreamId, backend: usize, pin: Pin, context: &Context<'_>) -> Option<Key> {
        let of_backend = |key: &&Key| {
            let Some(connection) = self.connections.get(**key) else { return false };
            connection.used == Use::Pinned && self.servers[connection.server].backend == backend
        };
        let key = *self.pins.of(pin.connection).iter().find(of_backend)?;
        let connection = self.connections.get_mut(key)?;
        if connection.pin != Some(pin) {
            self.close(key, context);
            return None;
        }
        connection.give_to(id);
        let server = &mut self.servers[connection.server];
        server.pinned_idle -= 1;
        server.busy += 1;
        context.counters.add(count::REUSED, 1);
        Some(key)
    }

    /// Finds a connection for a stream: an idle one of the server chosen, a new one, or a place in
    /// the backend's queue for one. Servers it has tried are not chosen; the one that it belongs to
    /// is, while it is up.
    pub(crate) fn request(
        &mut self,
        id: StreamId,
        source: Source,
        backend: usize,
        wanted: Wanted,
        context: &Context<'_>,
    ) -> Supply {
        if wanted.tried.is_empty() {
            self.servers.count_request(backend, context.now_ms());
        }
        let not_for = match self.servers.choose(backend, wanted, context.now_ms()) {
            Choice::Server(at) => return self.request_of(at, id, context),
            Choice::None => return Supply::NoServer,
            Choice::Full => wanted.tried,
            Choice::OwnerFull(at) => Tried::all_but(self.servers[at].place),
        };
        if self.servers.enqueue(id, source, backend, not_for) { Supply::Queued } else { Supply::QueueFull }
    }

    /// Finds a connection for a stream as [`Upstream::request`] does, at a server that is up and
    /// has room; `None` where there is none now.
    pub(crate) fn request_at_once(&mut self, id: StreamId, backend: usize, context: &Context<'_>) -> Option<Supply> {
        match self.servers.choose(backend, Wanted::default(), context.now_ms()) {
            Choice::Server(at) if self.servers[at].is_up(context.now_ms()) => Some(self.request_of(at, id, context)),
            _ => None,
        }
    }

    fn request_of(&mut self, at: usize, id: StreamId, context: &Context<'_>) -> Supply {
        let (server, backend) = self.servers.with_backend(at);
        server.given(backend, context.now_ms());
        while let Some(key) = server.idle.pop() {
            context.counters.sub(count::BACKEND_IDLE, 1);
            let Some(connection) = self.connections.get_mut(key) else {
                context.state_error("idle connection is gone");
                continue;
            };
            connection.give_to(id);
            server.busy += 1;
            context.counters.add(count::REUSED, 1);
            return Supply::Ready(key);
        }
        server.waiting.push_back(id);
        self.connect_if_wanted(at, context);
        Supply::Connecting(at)
    }

    /// Takes a stream out of its backend's queue, or from among those that wait for a connection.
    pub(crate) fn cancel(&mut self, id: StreamId, backend: usize, context: &Context<'_>) {
        if let Some(at) = self.servers.cancel(id, backend) {
            self.use_room(at, context);
        }
    }

    /// Returns whether a stream of that backend has left the queue and waits for a connection to a
    /// server.
    pub(crate) fn is_connecting(&self, id: StreamId, backend: usize) -> bool {
        self.servers.is_connecting(id, backend)
    }

    /// Gives the room that a server has to requests in its backend's queue, and requests the
    /// connections that are wanted.
    fn use_room(&mut self, at: usize, context: &Context<'_>) {
        self.servers.take_queued(at, context.now_ms());
        self.connect_if_wanted(at, context);
    }

    /// Requests as many connections of connect as are wanted, one for each stream that waits,
    /// within the server's limit.
    fn connect_if_wanted(&mut self, at: usize, context: &Context<'_>) {
        loop {
            let (server, backend) = self.servers.with_backend(at);
            if usize::try_from(server.pending).unwrap_or(usize::MAX) >= server.waiting.len() {
                return;
            }
            if server.is_full(backend) {
                if self.evict_pinned(at, context) {
                    continue;
                }
                return;
            }
            if !self.connect.request(server.number, (at, server.edition())) {
                return;
            }
            server.pending += 1;
        }
    }

    /// Takes replies of connect until one is news for a stream.
    ///
    /// # Errors
    /// [`Gone`] where connect is.
    pub(crate) fn next_event(&mut self, context: &Context<'_>) -> Result<Option<Event>, Gone> {
        while let Some(reply) = self.connect.next_reply()? {
            if let Some(event) = self.replied(reply.purpose, reply.result, context) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn replied(
        &mut self,
        (at, edition): (usize, u64),
        result: Result<OwnedFd, Failure>,
        context: &Context<'_>,
    ) -> Option<Event> {
        self.servers[at].pending -= 1;
        let event = match result {
            Ok(fd) => self.connected((at, edition), fd, context),
            Err(why) => self.connect_failed(at, why, context),
        };
        // Requests that found connect's queue full are made now that it has room.
        self.use_room(at, context);
        event
    }

    fn connected(&mut self, (at, edition): (usize, u64), fd: OwnedFd, context: &Context<'_>) -> Option<Event> {
        context.counters.add(count::CONNECTS, 1);
        let key = self.connections.insert(Connection::new(fd, (at, edition), self.servers.with_backend(at).1))?;
        let connection = self.connections.get(key)?;
        if context.event_loop.add(&connection.fd, key.token(token::CONNECTION), connection.interest).is_err() {
            // The kernel has no memory to watch it. The next reply, or the tick, asks again.
            self.connections.remove(key);
            return None;
        }
        self.servers[at].open += 1;
        context.counters.add(count::BACKEND_CONNECTIONS, 1);
        self.offer(key, context)
    }

    fn connect_failed(&mut self, at: usize, why: Failure, context: &Context<'_>) -> Option<Event> {
        let out = !why.is_local() && self.failed(at, context);
        let server = &mut self.servers[at];
        let state = if out { " state=down" } else { "" };
        let (name, word, cause) = (&server.name, why.word(), why.cause());
        let cure = why.cure(&self.group);
        warning(PROGRAM, format_args!("event=connect-failed server={name} why={word} errno=\"{cause}\"{state}{cure}"));
        server.waiting.pop_front().map(|id| Event::Failed(id, at))
    }

    /// Takes a connection back after a response that leaves it usable.
    pub(crate) fn release(&mut self, key: Key, context: &Context<'_>) -> Option<Event> {
        let Some(connection) = self.connections.get_mut(key) else {
            context.state_error("released connection is gone");
            return None;
        };
        connection.clear(context.event_loop.now_us());
        connection.watch(key, Interest::IN, context.event_loop);
        self.servers[connection.server].busy -= 1;
        self.offer(key, context)
    }

    /// Gives a free connection to the stream that has waited longest, else puts it into the pool.
    fn offer(&mut self, key: Key, context: &Context<'_>) -> Option<Event> {
        let connection = self.connections.get_mut(key)?;
        let at = connection.server;
        let (server, backend) = self.servers.with_backend(at);
        if connection.edition != server.edition() {
            // Its server's name stands for another address by now.
            self.close(key, context);
            return None;
        }
        if connection.pin.is_some() {
            connection.used = Use::Pinned;
            let (slot, deadlines) = (key.slot(), &mut self.deadlines);
            connection.timer.start(deadlines, slot, Limit::Idle, context.after(backend.idle_seconds));
            server.pinned_idle += 1;
            // Others may wait for room that its closing would make.
            self.use_room(at, context);
            return None;
        }
        if let Some(id) = self.servers.next_for(at, context.now_ms()) {
            connection.give_to(id);
            self.servers[at].busy += 1;
            return Some(Event::Ready(id, key));
        }
        let (server, backend) = self.servers.with_backend(at);
        if server.drained || server.idle.len() >= usize::try_from(backend.pool_connections_max).unwrap_or(usize::MAX) {
            self.close(key, context);
            return None;
        }
        connection.used = Use::Idle;
        let (slot, deadlines) = (key.slot(), &mut self.deadlines);
        connection.timer.start(deadlines, slot, Limit::Pool, context.after(backend.pool_idle_seconds));
        server.idle.push(key);
        context.counters.add(count::BACKEND_IDLE, 1);
        None
    }

    /// Closes a connection; the room it leaves is for the streams that wait.
    pub(crate) fn close(&mut self, key: Key, context: &Context<'_>) {
        match self.remove(key, context) {
            Some(at) => self.use_room(at, context),
            None => context.state_error("closed connection is gone"),
        }
    }

    /// Closes a connection. Returns its server.
    fn remove(&mut self, key: Key, context: &Context<'_>) -> Option<usize> {
        let connection = self.connections.remove(key)?;
        if let Some(pin) = connection.pin {
            self.pins.remove(key, pin, context.counters);
        }
        // Watched for nothing it is not in epoll, and closing takes it out of there as well.
        let _ = context.event_loop.remove(&connection.fd);
        context.counters.sub(count::BACKEND_CONNECTIONS, 1);
        let server = &mut self.servers[connection.server];
        server.open -= 1;
        match connection.used {
            Use::Stream(_) => {
                server.busy -= 1;
                server.probe_lost();
            }
            Use::Idle if server.idle.contains(&key) => {
                server.idle.retain(|k| *k != key);
                context.counters.sub(count::BACKEND_IDLE, 1);
            }
            Use::Pinned => server.pinned_idle -= 1,
            Use::Idle => {}
        }
        Some(connection.server)
    }

    /// Counts a failure of a server. Returns true where this takes it out.
    pub(crate) fn failed(&mut self, server: usize, context: &Context<'_>) -> bool {
        let (server, backend) = self.servers.with_backend(server);
        server.failed(backend, context.now_ms())
    }

    /// Counts a response that came to its end.
    pub(crate) fn worked(&mut self, server: usize, context: &Context<'_>) {
        let (server, backend) = self.servers.with_backend(server);
        server.worked(backend, context.now_ms());
    }

    /// A client connection is over, and with it what was pinned to it. A request of it that is
    /// still under way loses its connection when the RESET that follows comes, and keeps none if it
    /// was quicker.
    pub(crate) fn unpin_client(&mut self, client_connection: u64, context: &Context<'_>) {
        for key in self.pins.of(client_connection).to_vec() {
            match self.connections.get_mut(key) {
                Some(connection) if connection.used != Use::Pinned => connection.keep = false,
                _ => self.close(key, context),
            }
        }
    }

    /// Looks at what others say of the servers, and gives the queues what room there is. Returns
    /// the news for streams in a queue. For every tick.
    pub(crate) fn tick(&mut self, context: &Context<'_>) -> Vec<Event> {
        self.read_health(context.now_ms());
        self.hear_states(context);
        self.hear_addresses(context);
        self.servers.show(context.counters, context.now_ms());
        (0..self.servers.len()).for_each(|at| self.use_room(at, context));
        self.use_idle(context)
    }

    fn read_health(&mut self, now_ms: u64) {
        if let Some(health) = &self.reports.health {
            self.servers.read_health(health, now_ms);
        }
    }

    /// Gives idle connections of servers that are up again to streams in a queue.
    fn use_idle(&mut self, context: &Context<'_>) -> Vec<Event> {
        let mut news = Vec::new();
        for at in 0..self.servers.len() {
            while self.servers.may_take_queued(at, context.now_ms())
                && let Some(key) = self.servers[at].idle.pop()
            {
                context.counters.sub(count::BACKEND_IDLE, 1);
                news.extend(self.offer(key, context));
            }
        }
        news
    }
}
