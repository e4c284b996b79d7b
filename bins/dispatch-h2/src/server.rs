//! The turns of fosse-dispatch-h2: what is ready is read and worked on, and each peer is written to
//! once.

use std::os::fd::OwnedFd;

use fosse_counters::dispatch_h2 as count;
use fosse_die::warning;
use fosse_eventloop::slab::{Key, Slab, token};
use fosse_eventloop::{Event, EventLoop};
use fosse_service::{ExitReason, Given, Order, Process, Service};
use fosse_settings::{DispatchH2, Http2Server};
use fosse_wire::beside::{FromBeside, ToBeside};
use fosse_wire::connect::Outcome;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::PROGRAM;
use crate::channel::Channel;
use crate::connection::Connection;
use crate::exchange::Exchange;
use crate::limits::{ASKED_COUNT_MAX, READ_BYTES_MAX};
use crate::pool::Pool;

mod requests;
mod responses;

const CONNECT: u8 = 1;
const EXCHANGE: u8 = 2;
const CONNECTION: u8 = 3;

/// The program's state.
#[derive(Debug)]
pub struct Server {
    channel: Channel,
    table: Vec<Http2Server>,
    pools: Vec<Pool>,
    exchanges: Slab<Exchange>,
    connections: Slab<Connection>,
    /// Those with something to write in this turn.
    dirty_exchanges: Vec<Key>,
    dirty_connections: Vec<Key>,
    /// Destination of every read.
    buffer: Box<[u8]>,
    /// Lines of heads and trailers.
    text: Vec<u8>,
    /// Servers on whose connections streams have ended in this turn.
    freed: Vec<usize>,
}

impl Server {
    /// Reads the table of servers and waits for requests of connect.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn new(process: &Process, mut given: Given) -> Result<Self, ExitReason> {
        let channel = Channel::new(given.required(8), token(CONNECT), &process.event_loop)?;
        let table = given.settings::<DispatchH2>().servers;
        Ok(Self {
            channel,
            pools: table.iter().map(|_| Pool::default()).collect(),
            table,
            exchanges: Slab::default(),
            connections: Slab::default(),
            dirty_exchanges: Vec::new(),
            dirty_connections: Vec::new(),
            buffer: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            text: Vec::new(),
            freed: Vec::new(),
        })
    }

    fn on_channel(&mut self, process: &Process) -> Result<(), ExitReason> {
        while let Some((message, fd)) = self.channel.receive()? {
            match (message, fd) {
                (ToBeside::Ask { tag, server }, _) => self.asked(process, tag, server)?,
                (ToBeside::Dialled { server, .. }, Some(fd)) => self.connected(process, server, fd)?,
                (ToBeside::Dialled { server, outcome, errno, .. }, None) => {
                    self.not_connected(process, server, outcome, errno)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the index of a server that connect names.
    fn index(&self, server: u32) -> Result<usize, ExitReason> {
        let index = usize::try_from(server).unwrap_or(usize::MAX);
        if index < self.table.len() { Ok(index) } else { Err(ExitReason::broken_protocol("connect")) }
    }

    /// dispatch wants an exchange: it gets one where a connection is there to carry it.
    fn asked(&mut self, process: &Process, tag: u32, server: u32) -> Result<(), ExitReason> {
        let server = self.index(server)?;
        if self.pools[server].is_connected(&self.connections) {
            self.reply_with_pair(process, tag, server);
            return Ok(());
        }
        if self.pools.iter().map(|pool| pool.asked.len()).sum::<usize>() >= ASKED_COUNT_MAX {
            return Err(ExitReason::broken_protocol("connect"));
        }
        self.pools[server].asked.push(tag);
        self.dial_if_wanted(server);
        Ok(())
    }

    fn reply_with_pair(&mut self, process: &Process, tag: u32, server: usize) {
        match self.new_pair(&process.event_loop, server) {
            Ok(far_end) => {
                process.counters.add(count::EXCHANGES, 1);
                let reply = FromBeside::Reply { tag, outcome: Outcome::Connected, errno: 0 };
                self.channel.send(reply, Some(far_end));
            }
            Err(errno) => {
                let errno = u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX);
                self.channel.send(FromBeside::Reply { tag, outcome: Outcome::Failed, errno }, None);
            }
        }
    }

    /// Makes the pair of an exchange. Returns dispatch's end.
    fn new_pair(&mut self, event_loop: &EventLoop, server: usize) -> Result<OwnedFd, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (near_end, far_end) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // The token is known when the slot is.
        let key = self.exchanges.insert(Exchange::new(near_end, server)).ok_or(Errno::NOMEM)?;
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.socket.name(key.token(EXCHANGE));
            exchange.watch(event_loop);
        }
        Ok(far_end)
    }

    /// Asks connect for a connection, where one is wanted.
    fn dial_if_wanted(&mut self, server: usize) {
        if self.pools[server].wants_connection(&self.connections) {
            self.pools[server].is_dialling = true;
            let server = u32::try_from(server).unwrap_or(u32::MAX);
            self.channel.send(FromBeside::Dial { tag: server, server }, None);
        }
    }

    /// A connection is there: what has waited for one goes on.
    fn connected(&mut self, process: &Process, server: u32, fd: OwnedFd) -> Result<(), ExitReason> {
        let server = self.index(server)?;
        self.pools[server].is_dialling = false;
        let now_ms = process.event_loop.now_ms();
        let Some(key) = self.connections.insert(Connection::new(fd, server, now_ms)) else { return Ok(()) };
        if let Some(connection) = self.connections.get_mut(key) {
            connection.socket.name(key.token(CONNECTION));
            process.counters.add(count::CONNECTIONS, 1);
        }
        self.pools[server].connections.push(key);
        self.write_to(key);
        for tag in std::mem::take(&mut self.pools[server].asked) {
            self.reply_with_pair(process, tag, server);
        }
        self.start_queued(process, server);
        Ok(())
    }

    /// There is no connection, for the reason that connect says.
    fn not_connected(
        &mut self,
        process: &Process,
        server: u32,
        outcome: Outcome,
        errno: u16,
    ) -> Result<(), ExitReason> {
        let server = self.index(server)?;
        self.pools[server].is_dialling = false;
        for tag in std::mem::take(&mut self.pools[server].asked) {
            self.channel.send(FromBeside::Reply { tag, outcome, errno }, None);
        }
        self.give_up_if_alone(process, server);
        Ok(())
    }

    /// Gives back what waits for a server that has no connection, and lets dispatch ask for it
    /// again.
    fn give_up_if_alone(&mut self, process: &Process, server: usize) {
        if self.pools[server].is_connected(&self.connections) {
            return;
        }
        for key in std::mem::take(&mut self.pools[server].queue) {
            self.give_back(key);
        }
        let is_idle = |exchange: &Exchange| exchange.server == server && exchange.is_idle();
        let idle: Vec<Key> = self.exchanges.iter().filter(|(_, one)| is_idle(one)).map(|(key, _)| key).collect();
        idle.into_iter().for_each(|key| self.end_exchange(process, key));
    }

    /// Has dispatch send a request elsewhere.
    fn give_back(&mut self, key: Key) {
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.give_back();
            self.write_to_dispatch(key);
        }
    }

    /// Ends an exchange, and its stream where it has one.
    fn end_exchange(&mut self, process: &Process, key: Key) {
        let Some(exchange) = self.exchanges.remove(key) else { return };
        let pool = &mut self.pools[exchange.server];
        pool.queue.retain(|queued| *queued != key);
        let now_ms = process.event_loop.now_ms();
        if let Some((connection_key, place)) = exchange.stream {
            if let Some(connection) = self.connections.get_mut(connection_key) {
                // dispatch has given it up, perhaps for want of a word: is the server there at all?
                if connection.heard == exchange.heard && !exchange.is_ending {
                    connection.doubt(now_ms);
                }
                connection.release(place, now_ms);
            }
            self.write_to(connection_key);
            self.start_queued(process, exchange.server);
        }
    }

    /// Ends a connection: what was on its streams is lost.
    fn end_connection(&mut self, process: &Process, key: Key, why: &str) {
        let Some(mut connection) = self.connections.remove(key) else { return };
        process.counters.sub(count::CONNECTIONS, 1);
        let server = connection.server;
        self.pools[server].remove(key);
        if !why.is_empty() {
            let name = &self.table[server].name;
            warning(PROGRAM, format_args!("event=server-broken server={name} why=\"{why}\""));
        }
        for exchange in connection.exchanges() {
            // What the server has made of it nobody knows.
            if let Some(exchange) = self.exchanges.get_mut(exchange) {
                exchange.stream = None;
                exchange.is_ending = true;
            }
            self.write_to_dispatch(exchange);
        }
        // Its last words, where there is room for them.
        connection.flush(&process.event_loop);
        self.give_up_if_alone(process, server);
        self.dial_if_wanted(server);
    }

    /// Notes that a connection has something to write.
    fn write_to(&mut self, key: Key) {
        if let Some(connection) = self.connections.get_mut(key)
            && !std::mem::replace(&mut connection.is_dirty, true)
        {
            self.dirty_connections.push(key);
        }
    }

    /// Notes that an exchange has something to write.
    fn write_to_dispatch(&mut self, key: Key) {
        if let Some(exchange) = self.exchanges.get_mut(key)
            && !std::mem::replace(&mut exchange.is_dirty, true)
        {
            self.dirty_exchanges.push(key);
        }
    }

    /// Writes once to each that has something to be written.
    fn settle(&mut self, process: &Process) {
        while let Some(key) = self.dirty_exchanges.pop() {
            self.flush_exchange(process, key);
        }
        while let Some(server) = self.freed.pop() {
            self.start_queued(process, server);
        }
        while let Some(key) = self.dirty_connections.pop() {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            // What a server has said before it went is still to be read: its end comes as a read.
            if connection.flush(&process.event_loop) {
                self.resume_blocked(process, key);
            }
        }
    }

    /// Looks after connections that nobody needs, and those whose server keeps silent.
    fn look_after(&mut self, process: &Process) {
        let now_ms = process.event_loop.now_ms();
        let all: Vec<Key> = self.connections.iter().map(|(key, _)| key).collect();
        for key in all {
            let Some(connection) = self.connections.get_mut(key) else { continue };
            let idle = self.table[connection.server].idle_seconds.as_millis();
            if connection.is_overdue(now_ms) {
                self.end_connection(process, key, "no sign of life in time");
            } else if connection.is_done(now_ms, u64::try_from(idle).unwrap_or(u64::MAX)) {
                connection.client.leave();
                self.end_connection(process, key, "");
            }
        }
    }
}

impl Service for Server {
    fn on_event(&mut self, process: &Process, event: Event) -> Result<(), ExitReason> {
        match Key::of_token(event.token) {
            (CONNECT, _) if event.readable() => self.on_channel(process)?,
            (EXCHANGE, key) => {
                if event.readable() {
                    self.on_exchange(process, key);
                }
                if event.writable() {
                    self.write_to_dispatch(key);
                }
            }
            (CONNECTION, key) => {
                if event.readable() {
                    self.on_connection(process, key);
                }
                if event.writable() {
                    self.write_to(key);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Nothing that start says concerns dispatch-h2, which ends with connect; start's own end does.
    fn on_start_message(&mut self, _: &Process, order: Order) -> Result<(), ExitReason> {
        match order {
            Order::End => Err(ExitReason::Done),
            Order::Drain | Order::Tell(_) | Order::Give(..) => Ok(()),
        }
    }

    fn on_tick(&mut self, process: &Process) -> Result<(), ExitReason> {
        self.look_after(process);
        Ok(())
    }

    fn end_turn(&mut self, process: &Process) -> Result<(), ExitReason> {
        while !(self.dirty_exchanges.is_empty() && self.dirty_connections.is_empty() && self.freed.is_empty()) {
            self.settle(process);
        }
        self.channel.flush(&process.event_loop)
    }
}
