//! The choice of a lane for a connection. Counts and states only; the channels are
//! `lane_channels.rs`.

use fosse_source::Source;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

use crate::limits::{LANE_COUNT_MAX, LANE_LEAD_MAX, pressed_above};

/// All lanes, by number.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: BTreeMap<u32, Lane>,
    /// Keyed at random, so that no attacker can choose addresses that meet in one lane.
    key: RandomState,
}

#[derive(Debug)]
struct Lane {
    open: u32,
    connections_max: u32,
    /// It takes no new connections; those it has count on.
    draining: bool,
    /// Its channel is full.
    blocked: bool,
}

impl Lane {
    fn takes(&self) -> bool {
        !self.draining && !self.blocked && self.open < self.connections_max
    }
}

impl Lanes {
    /// Adds a lane. Returns false where the number is taken or there are too many.
    pub(crate) fn add(&mut self, number: u32, connections_max: u32) -> bool {
        let fits = self.lanes.len() < LANE_COUNT_MAX && !self.lanes.contains_key(&number);
        if fits {
            self.lanes.insert(number, Lane { open: 0, connections_max, draining: false, blocked: false });
        }
        fits
    }

    /// Removes a lane with all its connections.
    pub(crate) fn remove(&mut self, number: u32) {
        self.lanes.remove(&number);
    }

    /// Gives it no new connections from now on.
    pub(crate) fn drain(&mut self, number: u32) {
        self.change(number, |lane| lane.draining = true);
    }

    /// Notes that its channel has become full, or has room again.
    pub(crate) fn block(&mut self, number: u32, blocked: bool) {
        self.change(number, |lane| lane.blocked = blocked);
    }

    /// Returns whether its channel is full.
    pub(crate) fn is_blocked(&self, number: u32) -> bool {
        self.lanes.get(&number).is_some_and(|lane| lane.blocked)
    }

    /// Returns the number of connections it may hold; `None` where there is no such lane.
    pub(crate) fn room(&self, number: u32) -> Option<u32> {
        self.lanes.get(&number).map(|lane| lane.connections_max)
    }

    /// Returns whether it may hold one more, be it draining or not.
    pub(crate) fn has_room(&self, number: u32) -> bool {
        self.lanes.get(&number).is_some_and(|lane| lane.open < lane.connections_max)
    }

    /// Counts a connection that it has been given.
    pub(crate) fn opened(&mut self, number: u32) {
        self.change(number, |lane| lane.open += 1);
    }

    /// Discounts one of its connections, which is over or went elsewhere.
    pub(crate) fn closed(&mut self, number: u32) {
        self.change(number, |lane| lane.open -= 1);
    }

    /// Returns the lanes in which idle connections have to make room; `all` adds the one that has
    /// most.
    pub(crate) fn pressed(&self, all: bool) -> Vec<u32> {
        let is_pressed = |lane: &Lane| usize_of(lane.open) > pressed_above(usize_of(lane.connections_max));
        let fullest =
            if all { self.lanes.iter().max_by_key(|(_, lane)| lane.open).map(|(number, _)| *number) } else { None };
        let pressed = self.lanes.iter().filter(|(number, lane)| is_pressed(lane) || Some(**number) == fullest);
        pressed.map(|(number, _)| *number).collect()
    }

    /// Returns whether any lane takes a connection.
    pub(crate) fn any(&self) -> bool {
        self.lanes.values().any(Lane::takes)
    }

    /// Returns whether no lane takes a connection because one has as many as it may.
    pub(crate) fn are_full(&self) -> bool {
        !self.any() && self.lanes.values().any(|lane| !lane.draining && lane.open >= lane.connections_max)
    }

    /// Returns the lane for a source, the same one as long as it takes any and is not fuller than
    /// the others: the highest of keyed hashes of source and lane (rendezvous hashing), so that a
    /// lane that comes or goes moves only its own share. A source that puts its lane ahead of the
    /// others (a load generator, a proxy that is not configured as one) spreads over all lanes: one
    /// core for it would leave the others idle. Without a source (unix sockets, trusted proxies,
    /// where one address is that of many clients) it is the lane with the fewest connections.
    pub(crate) fn choose(&self, source: Option<Source>) -> Option<u32> {
        let takers = || self.lanes.iter().filter(|(_, lane)| lane.takes());
        let (count, open) = takers().fold((0u32, 0u32), |(count, open), (_, lane)| (count + 1, open + lane.open));
        let bound = open.checked_div(count)? + LANE_LEAD_MAX;
        let best = match source {
            Some(source) => takers()
                .filter(|(_, lane)| lane.open <= bound)
                .max_by_key(|(number, _)| self.key.hash_one((source, **number))),
            None => takers().min_by_key(|(_, lane)| lane.open),
        };
        best.map(|(number, _)| *number)
    }

    fn change(&mut self, number: u32, change: impl FnMut(&mut Lane)) {
        self.lanes.get_mut(&number).into_iter().for_each(change);
    }
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8) -> Option<Source> {
        Source::of_address(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n])
    }

    fn four() -> Lanes {
        let mut lanes = Lanes::default();
        (0..4).for_each(|number| assert!(lanes.add(number, 1000)));
        lanes
    }

    #[test]
    fn a_source_keeps_its_lane_and_sources_spread() {
        let mut lanes = four();
        let chosen: Vec<_> = (0..=255).map(|n| lanes.choose(source(n)).unwrap()).collect();
        assert_eq!(chosen, (0..=255).map(|n| lanes.choose(source(n)).unwrap()).collect::<Vec<_>>());
        for number in 0..4 {
            assert!(chosen.iter().filter(|lane| **lane == number).count() > 20);
        }
        lanes.remove(2);
        for (n, before) in (0..=255).zip(&chosen) {
            let now = lanes.choose(source(n)).unwrap();
            assert!(now == *before || *before == 2 && now != 2);
        }
    }

    #[test]
    fn a_source_with_many_connections_is_spread_over_all_lanes() {
        let mut lanes = four();
        for _ in 0..256 {
            let lane = lanes.choose(source(1)).unwrap();
            lanes.opened(lane);
        }
        assert!(lanes.lanes.values().all(|lane| (32..=80).contains(&lane.open)), "{lanes:?}");
    }

    #[test]
    fn a_full_blocked_or_draining_lane_is_skipped_and_none_left_is_said() {
        let mut lanes = four();
        lanes.block(0, true);
        lanes.drain(1);
        (0..1000).for_each(|_| lanes.opened(2));
        assert!((0..=255).all(|n| lanes.choose(source(n)) == Some(3)));
        lanes.remove(3);
        assert!(!lanes.any() && lanes.choose(source(1)).is_none() && lanes.choose(None).is_none());
        lanes.closed(2);
        assert_eq!(lanes.choose(None), Some(2));
    }

    #[test]
    fn a_proxy_gets_the_lane_with_the_fewest() {
        let mut lanes = four();
        for _ in 0..400 {
            let lane = lanes.choose(None).unwrap();
            lanes.opened(lane);
        }
        assert!(lanes.lanes.values().all(|lane| lane.open == 100));
    }

    #[test]
    fn a_lane_number_is_taken_once() {
        let mut lanes = four();
        assert!(!lanes.add(3, 9));
        assert!((4..300).filter(|number| lanes.add(*number, 1)).count() == LANE_COUNT_MAX - 4);
    }
}
