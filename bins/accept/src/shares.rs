//! The counts of clients that trusted proxies name: each front says what it has, and hears what the
//! whole edge has where that is much. So the limit of a source is one of the edge, without a
//! message for each request.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fosse_source::Network;

use crate::way::Way;

/// The share of each front of each network.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    fronts: BTreeMap<Way, HashMap<Network, u64>>,
    totals: HashMap<Network, u64>,
    /// Networks whose total has changed since lanes were told.
    changed: BTreeSet<Network>,
    /// Networks of which lanes have been told, as they have much.
    announced: BTreeSet<Network>,
}

/// News for a front: what a network has in the edge but for its own share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) front: Way,
    pub(crate) network: Network,
    pub(crate) count: u64,
}

impl Shares {
    /// Returns whether no lane has anything, nor was told of anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.totals.is_empty() && self.announced.is_empty()
    }

    /// Notes that a network has another number of direct connections.
    pub(crate) fn direct_changed(&mut self, network: Network) {
        if self.totals.contains_key(&network) || self.announced.contains(&network) {
            self.changed.insert(network);
        }
    }

    /// Returns what all lanes have of a network.
    pub(crate) fn total(&self, network: Network) -> u64 {
        self.totals.get(&network).copied().unwrap_or(0)
    }

    /// Takes what a front says that it has of a network. It may have `networks_max` networks.
    pub(crate) fn set(&mut self, front: Way, network: Network, count: u64, networks_max: usize) {
        let shares = self.fronts.entry(front).or_default();
        if shares.len() >= networks_max && !shares.contains_key(&network) {
            return;
        }
        let before = if count == 0 { shares.remove(&network) } else { shares.insert(network, count) };
        self.change(network, before.unwrap_or(0), count);
    }

    /// Forgets what a front had that is gone.
    pub(crate) fn lose(&mut self, front: Way) {
        for (network, count) in self.fronts.remove(&front).unwrap_or_default() {
            self.change(network, count, 0);
        }
    }

    fn change(&mut self, network: Network, before: u64, after: u64) {
        let total = self.total(network) - before + after;
        if total == 0 {
            self.totals.remove(&network);
        } else {
            self.totals.insert(network, total);
        }
        self.changed.insert(network);
    }

    /// Returns the news since the last time for every one of `fronts`. A network is worth a word
    /// where it has half of what it may have, `limit`, together with its `direct` connections; and
    /// once more when it no longer has.
    pub(crate) fn news(
        &mut self,
        fronts: &[Way],
        limit: impl Fn(Network) -> u64,
        direct: impl Fn(Network) -> u64,
    ) -> Vec<Elsewhere> {
        let mut news = Vec::new();
        for network in std::mem::take(&mut self.changed) {
            let all = self.total(network) + direct(network);
            let is_much = self.total(network) > 0 && all >= limit(network).div_ceil(2);
            let was_told = if is_much { !self.announced.insert(network) } else { self.announced.remove(&network) };
            if is_much || was_told {
                let count = |front| if is_much { all - self.of(front, network) } else { 0 };
                news.extend(fronts.iter().map(|front| Elsewhere { front: *front, network, count: count(*front) }));
            }
        }
        news
    }

    /// Has every network that lanes have been told of told again, as there is a lane that knows of
    /// none.
    pub(crate) fn tell_again(&mut self) {
        self.changed.extend(&self.announced);
    }

    fn of(&self, front: Way, network: Network) -> u64 {
        self.fronts.get(&front).and_then(|shares| shares.get(&network)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_source::Source;
    use fosse_wire::start::Door;

    fn number(front: Way) -> u32 {
        front.lane * 2 + u32::from(front.door == Door::Http2)
    }

    /// Of one lane two, and of the next one.
    fn front(number: u32) -> Way {
        Way { lane: number / 2, door: if number % 2 == 1 { Door::Http2 } else { Door::Parse } }
    }

    fn network(last: u8) -> Network {
        let address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last];
        Source::of(&address).networks().next().unwrap()
    }

    fn news(shares: &mut Shares) -> Vec<(u32, u64)> {
        shares.news(&[front(0), front(1)], |_| 10, |_| 1).iter().map(|one| (number(one.front), one.count)).collect()
    }

    #[test]
    fn lanes_hear_of_a_network_that_has_much_and_once_when_it_no_longer_has() {
        let mut shares = Shares::default();
        shares.set(front(0), network(1), 3, 9);
        assert_eq!(news(&mut shares), [], "4 of 10 with the direct one");
        shares.set(front(1), network(1), 2, 9);
        assert_eq!(news(&mut shares), [(0, 3), (1, 4)], "each hears of the others and of the direct one");
        assert_eq!(news(&mut shares), []);
        shares.tell_again();
        assert_eq!(news(&mut shares), [(0, 3), (1, 4)]);
        shares.lose(front(0));
        assert_eq!((news(&mut shares), shares.total(network(1))), (vec![(0, 0), (1, 0)], 2));
        shares.set(front(1), network(1), 0, 9);
        assert_eq!((news(&mut shares), shares.totals.len()), (vec![], 0));
    }

    #[test]
    fn lanes_hear_of_direct_connections_that_come_and_go_beside_what_they_have() {
        let news = |shares: &mut Shares, direct| -> Vec<(u32, u64)> {
            shares.direct_changed(network(1));
            shares
                .news(&[front(0), front(1)], |_| 10, |_| direct)
                .iter()
                .map(|one| (number(one.front), one.count))
                .collect()
        };
        let mut shares = Shares::default();
        assert_eq!(news(&mut shares, 9), [], "no proxy has named it");
        assert!(shares.is_empty());
        shares.set(front(0), network(1), 1, 9);
        assert_eq!(news(&mut shares, 9), [(0, 9), (1, 10)]);
        assert_eq!(news(&mut shares, 0), [(0, 0), (1, 0)], "they are gone");
        assert_eq!(news(&mut shares, 0), []);
        assert_eq!(news(&mut shares, 5), [(0, 5), (1, 6)], "others come");
    }

    #[test]
    fn a_lane_says_no_more_than_it_can_have() {
        let mut shares = Shares::default();
        (0..9).for_each(|last| shares.set(front(0), network(last), 1, 3));
        assert_eq!(shares.totals.len(), 3);
        shares.set(front(0), network(0), 5, 3);
        assert_eq!(shares.total(network(0)), 5);
    }
}
