//! The servers and the connections to them. It knows requests by id only: a request for a
//! connection is met at once, or later by an [`Event`].

pub(crate) mod affinity;
mod balance;
pub(crate) mod budget;
mod checked;
mod connecting;
pub(crate) mod connection;
mod idle;
pub(crate) mod leaving;
mod named;
pub(crate) mod pins;
pub(crate) mod pool;
mod queue;
pub(crate) mod records;
mod servers;
mod share;
mod shares;
pub(crate) mod states;
pub(crate) mod supply;
pub(crate) mod tried;

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use fosse_connector::Connector;
use fosse_counters::{Counters, Server as Shown, SharesPage, dispatch as count};
use fosse_deadlines::Deadlines;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::{Key, Slab};
use fosse_settings::Dispatch as Settings;
use fosse_source::Source;
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
use crate::context::Context;

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
    /// Time of the next look at what other lanes have given back, while requests wait for it.
    next_look_ms: Option<u64>,
    /// Time of the next look at whether others wait for what stands still here.
    next_leave_ms: Option<u64>,
    /// It is woken for that.
    leaves_soon: bool,
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
            next_look_ms: None,
            next_leave_ms: None,
            leaves_soon: false,
        }
    }

    /// Takes over what another lane knew of the servers by requests and what others say of them,
    /// and shows it for the lanes that come next.
    pub(crate) fn inherit(
        &mut self,
        known: &[Shown],
        (reports, shares): (Reports, Option<SharesPage>),
        counters: &Counters,
        now_ms: u64,
    ) {
        self.reports = reports;
        if let Some(page) = shares {
            self.servers.share(Rc::new(page));
        }
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
            Choice::Server(at) => match self.request_of(at, id, context) {
                Some(supply) => return supply,
                // Another lane was quicker.
                None => wanted.tried,
            },
            Choice::None => return Supply::NoServer,
            Choice::Full => wanted.tried,
            Choice::OwnerFull(at) => Tried::all_but(self.servers[at].place),
        };
        if !self.servers.enqueue(id, source, backend, not_for) {
            return Supply::QueueFull;
        }
        self.look_again(context.now_ms());
        Supply::Queued
    }

    /// Finds a connection for a stream as [`Upstream::request`] does, at a server that is up and
    /// has room; `None` where there is none now.
    pub(crate) fn request_at_once(&mut self, id: StreamId, backend: usize, context: &Context<'_>) -> Option<Supply> {
        match self.servers.choose(backend, Wanted::default(), context.now_ms()) {
            Choice::Server(at) if self.servers[at].is_up(context.now_ms()) => self.request_of(at, id, context),
            _ => None,
        }
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
        if self.servers.sharers.is_many() && self.gives_way(at, context) {
            self.close(key, context);
            return None;
        }
        let connection = self.connections.get_mut(key)?;
        if let Some(id) = self.servers.next_for(at, context.now_ms()) {
            connection.give_to(id);
            self.servers[at].busy += 1;
            return Some(Event::Ready(id, key));
        }
        let sharers = self.servers.sharers;
        let (server, backend) = self.servers.with_backend(at);
        if server.drained || !server.may_keep_idle(backend, sharers) {
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

    fn gives_way(&mut self, at: usize, context: &Context<'_>) -> bool {
        let (server, backend) = self.servers.with_backend(at);
        server.gives_way(backend, context.now_ms())
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
        server.say_share();
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
        self.leave_to_others(context);
        self.use_all_room(context)
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
