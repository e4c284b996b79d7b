//! The servers and the connections to them. It knows requests by id only: a request for a
//! connection is met at once, or later by an [`Event`].

pub(crate) mod connect;
pub(crate) mod connection;
mod health;
pub(crate) mod pins;
pub(crate) mod pool;
pub(crate) mod supply;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_counters::dispatch as count;
use fosse_die::{info, warning};
use fosse_eventloop::Interest;
use fosse_eventloop::slab::{Key, Slab};
use fosse_settings::{Backend, Dispatch as Settings};
use fosse_stage::Gone;
use fosse_wire::StreamId;

use self::{
    connect::{Connect, Failure},
    connection::{Connection, Pin, Use},
    pins::Pins,
    pool::Server,
    supply::{Event, Supply},
};
use crate::{
    PROGRAM,
    context::{Context, token},
};

/// All servers, and all connections to them.
#[derive(Debug)]
pub(crate) struct Upstream {
    backends: Vec<Backend>,
    pub(crate) servers: Vec<Server>,
    pub(crate) connections: Slab<Connection>,
    /// For each backend, the next server of round robin.
    rounds: Vec<usize>,
    pub(crate) pins: Pins,
    connect: Connect,
}

impl Upstream {
    pub(crate) fn new(settings: &Settings, connect: OwnedFd) -> Self {
        let server = |s: &fosse_settings::ServerName| Server {
            name: s.name.clone(),
            backend: usize::try_from(s.backend).unwrap_or(usize::MAX),
            ..Server::default()
        };
        Self {
            backends: settings.backends.clone(),
            servers: settings.servers.iter().map(server).collect(),
            connections: Slab::default(),
            rounds: vec![0; settings.backends.len()],
            pins: Pins::default(),
            connect: Connect::new(connect),
        }
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
            matches!(connection.used, Use::Pinned(_)) && self.servers[connection.server].backend == backend
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
    /// the queue for one. `not` is the server that has just failed. Returns the server with it.
    pub(crate) fn request(
        &mut self,
        id: StreamId,
        backend: usize,
        not: Option<usize>,
        context: &Context<'_>,
    ) -> (Option<usize>, Supply) {
        let settings = &self.backends[backend];
        let chosen = pool::choose(settings, &self.servers, &mut self.rounds[backend], not, context.now_ms());
        let Some(at) = chosen else { return (None, Supply::NoServer) };
        let server = &mut self.servers[at];
        while let Some(key) = server.idle.pop() {
            context.counters.sub(count::BACKEND_IDLE, 1);
            let Some(connection) = self.connections.get_mut(key) else {
                context.state_error("idle connection is gone");
                continue;
            };
            connection.give_to(id);
            server.busy += 1;
            context.counters.add(count::REUSED, 1);
            return (chosen, Supply::Ready(key));
        }
        if server.waiting.len() >= usize::try_from(settings.queue_requests_max.max(1)).unwrap_or(usize::MAX) {
            warning(PROGRAM, format_args!("event=backend-full backend={}", settings.name));
            return (chosen, Supply::Full);
        }
        server.waiting.push_back(id);
        self.connect_if_wanted(at, context);
        (chosen, Supply::Waits(at))
    }

    /// Takes a stream out of the queue of a server.
    pub(crate) fn cancel(&mut self, id: StreamId, server: usize) {
        let waiting = &mut self.servers[server].waiting;
        // Mostly it is the one that has waited longest, so the search ends with the first.
        if let Some(at) = waiting.iter().position(|waits| *waits == id) {
            waiting.remove(at);
        }
    }

    /// Requests as many connections of connect as are wanted, within the server's limit.
    pub(crate) fn connect_if_wanted(&mut self, at: usize, context: &Context<'_>) {
        loop {
            let server = &mut self.servers[at];
            if usize::try_from(server.pending).unwrap_or(usize::MAX) >= server.wanted() {
                return;
            }
            if server.is_full(&self.backends[server.backend]) {
                if self.evict_pinned(at, context) {
                    continue;
                }
                return;
            }
            if !self.connect.request(at) {
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
            self.servers[reply.server].pending -= 1;
            let event = match reply.result {
                Ok(fd) => self.connected(reply.server, fd, context),
                Err(why) => self.connect_failed(reply.server, why, context),
            };
            // Requests that found connect's queue full are made now that it has room.
            self.connect_if_wanted(reply.server, context);
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    fn connected(&mut self, at: usize, fd: OwnedFd, context: &Context<'_>) -> Option<Event> {
        context.counters.add(count::CONNECTS, 1);
        let key = self.connections.insert(Connection::new(fd, at))?;
        let connection = self.connections.get(key)?;
        if context.event_loop.add(&connection.fd, key.token(token::CONNECTION), Interest::IN).is_err() {
            // The kernel has no memory to watch it. The next reply, or the tick, asks again.
            self.connections.remove(key);
            return None;
        }
        self.servers[at].open += 1;
        context.counters.add(count::BACKEND_CONNECTIONS, 1);
        self.offer(key, context)
    }

    fn connect_failed(&mut self, at: usize, why: Failure, context: &Context<'_>) -> Option<Event> {
        let out = self.failed(at, context);
        let server = &mut self.servers[at];
        let state = if out { " state=down" } else { "" };
        let (name, word, cause) = (&server.name, why.word(), why.cause());
        warning(PROGRAM, format_args!("event=connect-failed server={name} why={word} errno=\"{cause}\"{state}"));
        if server.checks.waits() {
            self.check_ended(at, false, context);
        }
        self.servers[at].waiting.pop_front().map(Event::Failed)
    }

    /// Takes a connection back after a response that leaves it usable.
    pub(crate) fn release(&mut self, key: Key, context: &Context<'_>) -> Option<Event> {
        let Some(connection) = self.connections.get_mut(key) else {
            context.state_error("released connection is gone");
            return None;
        };
        connection.clear();
        connection.watch(key, Interest::IN, context.event_loop);
        self.servers[connection.server].busy -= 1;
        self.offer(key, context)
    }

    /// Gives a free connection to the stream that has waited longest, else puts it into the pool.
    fn offer(&mut self, key: Key, context: &Context<'_>) -> Option<Event> {
        let connection = self.connections.get_mut(key)?;
        let at = connection.server;
        let server = &mut self.servers[at];
        let backend = &self.backends[server.backend];
        if connection.pin.is_some() {
            connection.used = Use::Pinned(context.after(backend.idle_seconds));
            server.pinned_idle += 1;
            // Others may wait for room that its closing would make.
            self.connect_if_wanted(at, context);
            return None;
        }
        if let Some(id) = server.waiting.pop_front() {
            connection.give_to(id);
            server.busy += 1;
            return Some(Event::Ready(id, key));
        }
        // One used before may be closed on the other side by now, which would look like a failed
        // check: it makes room.
        if server.checks.waits() && !connection.used_before {
            self.begin_check(key, context);
            return None;
        }
        let makes_room = server.checks.waits() && server.pending == 0;
        if makes_room || server.idle.len() >= usize::try_from(backend.pool_connections_max).unwrap_or(usize::MAX) {
            self.close(key, context);
            return None;
        }
        connection.used = Use::Idle(context.after(backend.pool_idle_seconds));
        server.idle.push(key);
        context.counters.add(count::BACKEND_IDLE, 1);
        None
    }

    /// Closes a connection; the room it leaves is for the streams that wait.
    pub(crate) fn close(&mut self, key: Key, context: &Context<'_>) {
        match self.remove(key, context) {
            Some(at) => self.connect_if_wanted(at, context),
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
            Use::Stream(_) => server.busy -= 1,
            Use::Idle(_) if server.idle.contains(&key) => {
                server.idle.retain(|k| *k != key);
                context.counters.sub(count::BACKEND_IDLE, 1);
            }
            Use::Pinned(_) => server.pinned_idle -= 1,
            Use::Idle(_) | Use::Check(_) => {}
        }
        Some(connection.server)
    }

    /// Counts a failure of a server. Returns true where this takes it out.
    pub(crate) fn failed(&mut self, server: usize, context: &Context<'_>) -> bool {
        let server = &mut self.servers[server];
        server.failed(&self.backends[server.backend], context.now_ms())
    }

    /// Makes room for a connection to a server that has as many as it may: the pinned one that has
    /// waited longest for its client is closed. Returns false where there is none.
    fn evict_pinned(&mut self, at: usize, context: &Context<'_>) -> bool {
        if self.servers[at].pinned_idle == 0 {
            return false;
        }
        let waits = self.connections.iter().filter_map(|(key, connection)| match connection.used {
            Use::Pinned(until) if connection.server == at => Some((until, key)),
            _ => None,
        });
        let Some((_, key)) = waits.min_by_key(|(until, _)| *until) else {
            context.state_error("pinned connection is gone");
            return false;
        };
        context.counters.add(count::PINNED_EVICTED, 1);
        self.remove(key, context).is_some()
    }

    /// A client connection is over, and with it what was pinned to it. A request of it that is
    /// still under way loses its connection when the RESET that follows comes, and keeps none if it
    /// was quicker.
    pub(crate) fn unpin_client(&mut self, client_connection: u64, context: &Context<'_>) {
        for key in self.pins.of(client_connection).to_vec() {
            match self.connections.get_mut(key) {
                Some(connection) if !matches!(connection.used, Use::Pinned(_)) => connection.keep = false,
                _ => self.close(key, context),
            }
        }
    }

    /// Ends connections that have been idle and checks that have had no response for too long,
    /// begins the checks that are due, and connects for the streams that wait. For every tick.
    pub(crate) fn tick(&mut self, draining: bool, context: &Context<'_>) {
        self.close_overdue(context);
        self.begin_checks(draining, context);
        (0..self.servers.len()).for_each(|at| self.connect_if_wanted(at, context));
    }

    fn close_overdue(&mut self, context: &Context<'_>) {
        let now_ms = context.now_ms();
        let over =
            |used: Use| matches!(used, Use::Idle(until) | Use::Pinned(until) | Use::Check(until) if until <= now_ms);
        let overdue = self.connections.iter().filter(|(_, connection)| over(connection.used));
        for (key, server, used) in overdue.map(|(key, c)| (key, c.server, c.used)).collect::<Vec<_>>() {
            self.close(key, context);
            if matches!(used, Use::Check(_)) {
                self.check_ended(server, false, context);
            }
        }
    }

    /// Counts the servers that are down, and begins the checks that are due.
    pub(crate) fn begin_checks(&mut self, draining: bool, context: &Context<'_>) {
        let now_ms = context.now_ms();
        let mut down = 0;
        for at in 0..self.servers.len() {
            let server = &mut self.servers[at];
            let backend = &self.backends[server.backend];
            down += u64::from(!server.is_up(now_ms));
            server.show(at, context.counters, now_ms);
            let Some(health) = &backend.health else { continue };
            if draining || !server.checks.begin_if_due(health, at, now_ms) {
                continue;
            }
            // It needs a connection within the server's limit as a request does: an idle one makes
            // room. Where all are busy it waits for the first that is not.
            if server.is_full(backend)
                && let Some(oldest) = server.idle.first().copied()
            {
                self.close(oldest, context);
            }
            self.connect_if_wanted(at, context);
        }
        context.counters.set(count::SERVERS_DOWN, down);
    }

    /// Begins the check that waited for a connection.
    fn begin_check(&mut self, key: Key, context: &Context<'_>) {
        let Some(connection) = self.connections.get_mut(key) else {
            return context.state_error("connection for a check is gone");
        };
        let at = connection.server;
        let server = &mut self.servers[at];
        let backend = &self.backends[server.backend];
        let sent = backend.health.as_ref().is_some_and(|health| {
            health::send_check(&mut server.checks, connection, health, backend, context.now_ms())
        });
        if !sent {
            self.close(key, context);
            self.check_ended(at, false, context);
        }
    }

    /// Reads the response to a check.
    pub(crate) fn check_event(&mut self, key: Key, context: &mut Context<'_>) {
        let Some(connection) = self.connections.get_mut(key) else {
            return context.state_error("connection of a check is gone");
        };
        let at = connection.server;
        if let Some(good) = health::read_check(connection, &mut context.shared.scratch) {
            self.close(key, context);
            self.check_ended(at, good, context);
        }
    }

    fn check_ended(&mut self, at: usize, good: bool, context: &Context<'_>) {
        let server = &mut self.servers[at];
        let backend = &self.backends[server.backend];
        let Some(health) = &backend.health else { return };
        if server.check_ended(health, backend, good, context.now_ms()) {
            let state = if server.checks.unhealthy { "down" } else { "up" };
            info(PROGRAM, format_args!("event=health server={} state={state}", server.name));
        }
    }
}
