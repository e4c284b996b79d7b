//! What lanes report: connections over, connections held, connections given back. A lane has no word on others' connections.

use std::os::fd::OwnedFd;

use fosse_counters::accept as count;
use fosse_wire::channel::{Connection, Kind, Message};
use fosse_wire::request::Endpoint;
use rustix::net::{AddressFamily, SocketType, getpeername, sockopt};

use crate::PROGRAM;
use crate::channels::{Heard, Passenger};
use crate::connections::NOBODY;
use crate::limits::{READ_TURN_MAX, WAITING_COUNT_MAX};
use crate::serve::Server;

impl Server {
    /// Reads what a lane has sent, as far as one turn goes; one that is `gone` to its end, as the kernel reports that for ever.
    pub(crate) fn hear(&mut self, lane: u32, gone: bool) {
        for _ in 0..READ_TURN_MAX {
            // What comes back takes descriptors, so it stays with its lane while too many wait.
            if !gone && self.waiting.len() >= WAITING_COUNT_MAX {
                return;
            }
            match self.channels.hear(lane) {
                Heard::Message(message, fds) => self.heard(lane, message, fds),
                Heard::Nothing => return,
                Heard::Gone(why) => return self.lose(lane, why),
            }
        }
    }

    fn heard(&mut self, lane: u32, message: Message, fds: Vec<OwnedFd>) {
        match message.kind {
            Kind::Closed => message.connections.iter().for_each(|connection| self.closed(connection.id, lane)),
            Kind::Open if message.connections.is_empty() => drop(self.listing.remove(&lane)),
            Kind::Open => message.connections.into_iter().for_each(|connection| self.learn(connection, lane)),
            Kind::Return => message.connections.iter().zip(fds).for_each(|(one, fd)| self.returned(one, fd, lane)),
            Kind::Connections | Kind::List => {}
        }
    }

    fn closed(&mut self, id: u64, lane: u32) {
        if self.connections.close(id, lane) {
            self.lanes.closed(lane);
        }
    }

    /// A connection from before this process's time. No more than the lane may hold, and no trust on its word.
    fn learn(&mut self, told: Connection, lane: u32) {
        if !self.listing.contains(&lane) || !self.lanes.has_room(lane) {
            return;
        }
        let known = self.door.reconsider(told);
        if known.is_some_and(|connection| self.connections.add(connection, lane)) {
            self.lanes.opened(lane);
        }
    }

    /// An idle connection comes back for another lane. What counts is what accept wrote down about it, and the socket must
    /// be the one that was sent.
    fn returned(&mut self, record: &Connection, fd: OwnedFd, lane: u32) {
        self.learn(*record, lane);
        let Some(connection) = self.connections.held(record.id, lane) else { return };
        if !is_same(&fd, &connection) {
            return self.closed(connection.id, lane);
        }
        self.connections.give(connection.id, NOBODY);
        self.lanes.closed(lane);
        self.counters.add(count::RETURNED, 1);
        self.waiting.push_back(Passenger { connection, fd });
    }

    /// A lane is gone, and all it held with it; what it was still to get goes to others.
    pub(crate) fn lose(&mut self, lane: u32, why: &str) {
        let unsent = self.channels.remove(&self.turn, lane);
        for passenger in unsent {
            self.connections.give(passenger.connection.id, NOBODY);
            self.waiting.push_back(passenger);
        }
        self.lanes.remove(lane);
        self.listing.remove(&lane);
        let lost = self.connections.lose(lane);
        fosse_die::info(PROGRAM, format_args!("lane={lane} gone connections={lost} reason=\"{why}\""));
    }
}

/// Whether a descriptor is a connected stream socket with that peer. A client that has gone has none.
fn is_same(fd: &OwnedFd, connection: &Connection) -> bool {
    let stream = sockopt::socket_type(fd) == Ok(SocketType::STREAM);
    let unix = sockopt::socket_domain(fd) == Ok(AddressFamily::UNIX);
    let peer = match getpeername(fd) {
        Ok(_) if unix => Endpoint::default(),
        Ok(Some(address)) => std::net::SocketAddr::try_from(address).map(Endpoint::from_socket).unwrap_or_default(),
        _ => return false,
    };
    stream && unix == connection.unix && peer == connection.peer
}
