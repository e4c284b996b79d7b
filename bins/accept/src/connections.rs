//! The table of open connections: the way of each, the number that each source has, and those that
//! just ended.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use fosse_source::{Network, Source};
use fosse_wire::channel::Connection;

use crate::limits::ENDED_COUNT_MAX;
use crate::way::Way;

/// Every connection given to a lane, from then until the lane says it is closed.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: HashMap<u64, Held>,
    by_network: HashMap<Network, u32>,
    ended: VecDeque<Connection>,
    /// Networks whose number has changed, while lanes say what clients have that proxies name.
    changed: Vec<Network>,
    notes_changes: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    connection: Connection,
    way: Way,
}

impl Connections {
    /// Returns the number of open ones.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Returns the number of open ones of a network.
    pub(crate) fn of(&self, network: Network) -> u32 {
        self.by_network.get(&network).copied().unwrap_or(0)
    }

    /// Adds a connection that a way holds. Returns false if its number is in use.
    pub(crate) fn add(&mut self, connection: Connection, way: Way) -> bool {
        let Entry::Vacant(place) = self.open.entry(connection.id) else { return false };
        place.insert(Held { connection, way });
        self.count(&connection);
        true
    }

    /// Returns the connection, if this way holds it: one has no word on others' connections.
    pub(crate) fn held(&self, id: u64, way: Way) -> Option<Connection> {
        self.open.get(&id).filter(|held| held.way == way).map(|held| held.connection)
    }

    /// Gives it to another holder.
    pub(crate) fn give(&mut self, id: u64, way: Way) {
        self.open.get_mut(&id).into_iter().for_each(|held| held.way = way);
    }

    /// Ends a connection, if this way holds it.
    pub(crate) fn close(&mut self, id: u64, way: Way) -> bool {
        let held = self.held(id, way);
        held.into_iter().for_each(|connection| self.end(connection));
        held.is_some()
    }

    /// Ends all connections of a way that is gone; returns their number.
    pub(crate) fn lose(&mut self, way: Way) -> usize {
        let lost: Vec<Connection> =
            self.open.values().filter(|held| held.way == way).map(|held| held.connection).collect();
        lost.iter().for_each(|connection| self.end(*connection));
        lost.len()
    }

    /// Returns the connection of that number, open or ended lately.
    pub(crate) fn find(&self, id: u64) -> Option<Connection> {
        let open = self.open.get(&id).map(|held| held.connection);
        open.or_else(|| self.ended.iter().rev().find(|connection| connection.id == id).copied())
    }

    fn end(&mut self, connection: Connection) {
        self.open.remove(&connection.id);
        self.discount(&connection);
        if self.ended.len() >= ENDED_COUNT_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(connection);
    }

    /// Returns the networks whose number has changed since the last call, where that is `wanted`
    /// from now on.
    pub(crate) fn take_changed(&mut self, wanted: bool) -> Vec<Network> {
        self.notes_changes = wanted;
        std::mem::take(&mut self.changed)
    }

    fn count(&mut self, connection: &Connection) {
        for network in networks(connection) {
            *self.by_network.entry(network).or_insert(0) += 1;
        }
        self.note_change(connection);
    }

    fn note_change(&mut self, connection: &Connection) {
        if self.notes_changes {
            self.changed.extend(networks(connection));
        }
    }

    fn discount(&mut self, connection: &Connection) {
        networks(connection).for_each(|network| discount(&mut self.by_network, network));
        self.note_change(connection);
    }
}

/// Returns the networks of a connection's peer; none for that of a unix socket.
fn networks(connection: &Connection) -> impl Iterator<Item = Network> {
    Source::of_address(&connection.peer.addr).into_iter().flat_map(Source::networks)
}

/// Takes one from a number that is not 0, and forgets it at 0.
fn discount(counts: &mut HashMap<Network, u32>, network: Network) {
    if let Entry::Occupied(mut count) = counts.entry(network) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_wire::{request::Endpoint, start::Door};

    fn connection(id: u64) -> Connection {
        let peer = Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1], port: 9 };
        Connection { id, peer, ..Connection::default() }
    }

    fn way(lane: u32) -> Way {
        Way { lane, door: Door::Parse }
    }

    #[test]
    fn counts_a_source_until_the_lane_says_closed() {
        let mut table = Connections::default();
        let network = networks(&connection(1)).next().unwrap();
        assert!(
            table.add(connection(1), way(0)) && table.add(connection(2), way(1)) && !table.add(connection(2), way(1))
        );
        assert_eq!((table.len(), table.of(network)), (2, 2));
        assert!(!table.close(1, way(1)), "lane 1 has no word on lane 0's connection");
        assert!(!table.close(1, Way { door: Door::Tls, ..way(0) }), "nor has another door of it");
        assert!(table.close(1, way(0)) && !table.close(1, way(0)));
        assert_eq!((table.len(), table.of(network)), (1, 1));
    }

    #[test]
    fn a_lost_lane_gives_its_counts_back_and_its_connections_are_still_known() {
        let mut table = Connections::default();
        (0..10).for_each(|id| assert!(table.add(connection(id), way(u32::try_from(id % 2).unwrap()))));
        assert_eq!(table.lose(way(1)), 5);
        assert_eq!((table.len(), table.of(networks(&connection(1)).next().unwrap())), (5, 5));
        assert_eq!(table.find(3), Some(connection(3)));
        assert_eq!(table.find(4), Some(connection(4)));
        assert_eq!(table.find(77), None);
        assert_eq!(table.lose(way(0)), 5);
        assert!(table.by_network.is_empty());
    }

    #[test]
    fn remembers_a_bounded_number_of_ended_ones() {
        let mut table = Connections::default();
        for id in 0..u64::try_from(ENDED_COUNT_MAX).unwrap() + 10 {
            assert!(table.add(connection(id), way(0)) && table.close(id, way(0)));
        }
        assert_eq!(table.ended.len(), ENDED_COUNT_MAX);
        assert!(table.find(9).is_none() && table.find(10).is_some());
    }
}
