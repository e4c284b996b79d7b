//! Sockets of clients, which parse lends for leases.

use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
};

use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::StreamId;

use crate::{context::token, limits};

/// A client's socket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) fd: OwnedFd,
    /// The stream whose response it takes: its name for events.
    stream: Option<StreamId>,
    /// Readiness that it is watched for; empty while it is not watched.
    interest: Interest,
}

impl Client {
    /// Begins a lease: events name the stream from now on.
    pub(crate) const fn lease(&mut self, stream: StreamId) {
        self.stream = Some(stream);
    }

    /// Changes the readiness it is watched for, where that is a change.
    pub(crate) fn watch(&mut self, wanted: Interest, event_loop: &EventLoop) {
        let Some(stream) = self.stream else { return };
        let token = token::of(token::CLIENT) | u64::from(stream.raw());
        event_loop.rearm(&self.fd, token, &mut self.interest, wanted);
    }
}

/// The sockets of clients, by accept's number of the connection.
#[derive(Debug)]
pub(crate) struct Clients {
    sockets: HashMap<u64, Client>,
    max: usize,
}

impl Default for Clients {
    fn default() -> Self {
        Self { sockets: HashMap::new(), max: limits::CLIENTS_MAX }
    }
}

impl Clients {
    /// Makes a table that no socket comes into.
    pub(crate) fn none() -> Self {
        Self { max: 0, ..Self::default() }
    }

    /// Takes a socket. Those that were asked for below the limit may still come, `under_way` at the
    /// most; one more than that is closed.
    pub(crate) fn insert(&mut self, connection: u64, fd: OwnedFd, under_way: usize) {
        if self.sockets.len() < self.max + under_way {
            self.sockets.insert(connection, Client { fd, stream: None, interest: Interest::empty() });
        }
    }

    /// Closes the socket of a connection that is over.
    pub(crate) fn remove(&mut self, connection: u64, event_loop: &EventLoop) {
        if let Some(client) = self.sockets.remove(&connection)
            && !client.interest.is_empty()
        {
            // parse has another copy, so closing ours would leave it in epoll. Where the kernel
            // refuses, events of it name a lease that is over, and those are passed over.
            let _ = event_loop.remove(client.fd.as_fd());
        }
    }

    pub(crate) fn get_mut(&mut self, connection: u64) -> Option<&mut Client> {
        self.sockets.get_mut(&connection)
    }

    /// Returns whether that connection's socket is here, or there is room for it. Without,
    /// responses go through parse.
    pub(crate) fn has_room_for(&self, connection: u64) -> bool {
        self.sockets.len() < self.max || self.sockets.contains_key(&connection)
    }

    /// Ends a lease: the socket is no longer watched here.
    pub(crate) fn release(&mut self, connection: u64, event_loop: &EventLoop) {
        if let Some(client) = self.sockets.get_mut(&connection) {
            client.watch(Interest::empty(), event_loop);
            client.stream = None;
        }
    }

    #[cfg(test)]
    pub(crate) const fn limit_to(&mut self, max: usize) {
        self.max = max;
    }
}
