//! What a server has: connections, requests of connect that wait for one, exchanges that wait for a
//! stream.

use std::collections::VecDeque;

use fosse_eventloop::slab::{Key, Slab};

use crate::connection::Connection;
use crate::limits::CONNECTIONS_COUNT_MAX;

/// The state of one server.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Its connections, the oldest first.
    pub(crate) connections: Vec<Key>,
    /// Requests of connect that wait for the first connection, by their tags.
    pub(crate) asked: Vec<u32>,
    /// Exchanges whose request waits for a stream.
    pub(crate) queue: VecDeque<Key>,
    /// connect was asked for a connection.
    pub(crate) is_dialling: bool,
}

impl Pool {
    /// Returns a connection that has room for a stream: the first, so that the last ones become
    /// idle.
    pub(crate) fn with_room(&self, connections: &Slab<Connection>) -> Option<Key> {
        self.connections.iter().copied().find(|key| connections.get(*key).is_some_and(Connection::has_room))
    }

    /// Returns whether a further connection is wanted: something waits, and none of those that are
    /// there or asked for will have room soon.
    pub(crate) fn wants_connection(&self, connections: &Slab<Connection>) -> bool {
        let of_use = |key: &&Key| connections.get(**key).is_some_and(Connection::may_have_room);
        let is_unknown = |key: &Key| connections.get(*key).is_some_and(|one| !one.client.is_agreed());
        let count = self.connections.iter().filter(of_use).count();
        (!self.asked.is_empty() || !self.queue.is_empty())
            && !self.is_dialling
            && count < CONNECTIONS_COUNT_MAX
            && !self.connections.iter().any(is_unknown)
            && self.with_room(connections).is_none()
    }

    /// Returns whether one of its connections may take streams, now or later.
    pub(crate) fn is_connected(&self, connections: &Slab<Connection>) -> bool {
        self.connections.iter().any(|key| connections.get(*key).is_some_and(Connection::may_have_room))
    }

    /// Forgets a connection.
    pub(crate) fn remove(&mut self, connection: Key) {
        self.connections.retain(|key| *key != connection);
    }
}
