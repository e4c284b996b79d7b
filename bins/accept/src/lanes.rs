//! The choice of a lane for a connection. Counts and states only; the channels are
//! `lane_channels.rs`.

use fosse_source::Source;
use std::collections::{BTreeMap, btree_map::Entry};
use std::hash::{BuildHasher, RandomState};

use fosse_wire::start::Door;

use crate::limits::{LANE_COUNT_MAX, LANE_LEAD_MAX, pressed_above};
use crate::way::Way;

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
    /// In the order of their numbers.
    doors: [Gate; Door::ALL.len()],
}

/// A door of a lane, as far as it matters for a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gate {
    /// There is no channel.
    #[default]
    Missing,
    Open,
    /// Its channel is full.
    Blocked,
}

impl Lane {
    fn takes(&self, door: Door) -> bool {
        !self.draining && self.doors[door as usize] == Gate::Open && self.open < self.connections_max
    }
}

impl Lanes {
    /// Adds a door of a lane, and the lane with the first one. Returns false where the lane has it
    /// or there are too many lanes.
    pub(crate) fn add(&mut self, way: Way, connections_max: u32) -> bool {
        let has_room = self.lanes.len() < LANE_COUNT_MAX;
        let lane = match self.lanes.entry(way.lane) {
            Entry::Vacant(place) if has_room => {
                place.insert(Lane { open: 0, connections_max, draining: false, doors: Default::default() })
            }
            Entry::Vacant(_) => return false,
            Entry::Occupied(lane) => lane.into_mut(),
        };
        let gate = &mut lane.doors[way.door as usize];
        let is_new = *gate == Gate::Missing;
        *gate = Gate::Open;
        is_new
    }

    /// Removes a door with the connections it had, and the lane with the last one.
    pub(crate) fn remove(&mut self, way: Way, connections: usize) {
        let Some(lane) = self.lanes.get_mut(&way.lane) else { return };
        lane.doors[way.door as usize] = Gate::Missing;
        lane.open -= u32::try_from(connections).unwrap_or(u32::MAX);
        if lane.doors.iter().all(|gate| *gate == Gate::Missing) {
            self.lanes.remove(&way.lane);
        }
    }

    /// Gives it no new connections from now on.
    pub(crate) fn drain(&mut self, number: u32) {
        self.change(number, |lane| lane.draining = true);
    }

    /// Notes that its channel has become full, or has room again.
    pub(crate) fn block(&mut self, way: Way, blocked: bool) {
        let gate = if blocked { Gate::Blocked } else { Gate::Open };
        let known = self.lanes.get_mut(&way.lane).map(|lane| &mut lane.doors[way.door as usize]);
        known.filter(|known| **known != Gate::Missing).into_iter().for_each(|known| *known = gate);
    }

    /// Returns whether its channel is full.
    pub(crate) fn is_blocked(&self, way: Way) -> bool {
        self.lanes.get(&way.lane).is_some_and(|lane| lane.doors[way.door as usize] == Gate::Blocked)
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

    /// Returns whether any lane takes a connection by that door.
    pub(crate) fn any(&self, door: Door) -> bool {
        self.lanes.values().any(|lane| lane.takes(door))
    }

    /// Returns whether no lane takes a connection because one has as many as it may.
    pub(crate) fn are_full(&self) -> bool {
        let takes = Door::ALL.iter().any(|door| self.any(*door));
        !takes && self.lanes.values().any(|lane| !lane.draining && lane.open >= lane.connections_max)
    }

    /// Returns the lane for a source, the same one as long as it takes any and is not fuller than
    /// the others: the highest of keyed hashes of source and lane (rendezvous hashing), so that a
    /// lane that comes or goes moves only its own share. A source that puts its lane ahead of the
    /// others (a load generator, a proxy that is not configured as one) spreads over all lanes: one
    /// core for it would leave the others idle. Without a source (unix sockets, trusted proxies,
    /// where one address is that of many clients) it is the lane with the fewest connections.
    pub(crate) fn choose(&self, door: Door, source: Option<Source>) -> Option<u32> {
        let takers = || self.lanes.iter().filter(|(_, lane)| lane.takes(door));
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

    fn way(lane: u32) -> Way {
        Way { lane, door: Door::Parse }
    }

    fn four() -> Lanes {
        let mut lanes = Lanes::default();
        (0..4).for_each(|number| assert!(lanes.add(way(number), 1000)));
        lanes
    }

    #[test]
    fn a_source_keeps_its_lane_and_sources_spread() {
        let mut lanes = four();
        let chosen: Vec<_> = (0..=255).map(|n| lanes.choose(Door::Parse, source(n)).unwrap()).collect();
        assert_eq!(chosen, (0..=255).map(|n| lanes.choose(Door::Parse, source(n)).unwrap()).collect::<Vec<_>>());
        for number in 0..4 {
            assert!(chosen.iter().filter(|lane| **lane == number).count() > 20);
        }
        lanes.remove(way(2), 0);
        for (n, before) in (0..=255).zip(&chosen) {
            let now = lanes.choose(Door::Parse, source(n)).unwrap();
            assert!(now == *before || *before == 2 && now != 2);
        }
    }

    #[test]
    fn a_source_with_many_connections_is_spread_over_all_lanes() {
        let mut lanes = four();
        for _ in 0..256 {
            let lane = lanes.choose(Door::Parse, source(1)).unwrap();
            lanes.opened(lane);
        }
        assert!(lanes.lanes.values().all(|lane| (32..=80).contains(&lane.open)), "{lanes:?}");
    }

    #[test]
    fn a_full_blocked_or_draining_lane_is_skipped_and_none_left_is_said() {
        let mut lanes = four();
        lanes.block(way(0), true);
        lanes.drain(1);
        (0..1000).for_each(|_| lanes.opened(2));
        assert!((0..=255).all(|n| lanes.choose(Door::Parse, source(n)) == Some(3)));
        lanes.remove(way(3), 0);
        assert!(
            !lanes.any(Door::Parse)
                && lanes.choose(Door::Parse, source(1)).is_none()
                && lanes.choose(Door::Parse, None).is_none()
        );
        lanes.closed(2);
        assert_eq!(lanes.choose(Door::Parse, None), Some(2));
    }

    #[test]
    fn a_proxy_gets_the_lane_with_the_fewest() {
        let mut lanes = four();
        for _ in 0..400 {
            let lane = lanes.choose(Door::Parse, None).unwrap();
            lanes.opened(lane);
        }
        assert!(lanes.lanes.values().all(|lane| lane.open == 100));
    }

    #[test]
    fn a_lane_number_is_taken_once() {
        let mut lanes = four();
        assert!(!lanes.add(way(3), 9));
        assert!((4..300).filter(|number| lanes.add(way(*number), 1)).count() == LANE_COUNT_MAX - 4);
    }

    #[test]
    fn doors_of_a_lane_share_its_room_and_only_those_there_are_take() {
        let mut lanes = four();
        assert!(!lanes.any(Door::Tls));
        let tls = Way { lane: 1, door: Door::Tls };
        assert!(lanes.add(tls, 1000) && !lanes.add(tls, 1000));
        assert!((0..=255).all(|n| lanes.choose(Door::Tls, source(n)) == Some(1)));
        lanes.block(tls, true);
        assert!(!lanes.any(Door::Tls) && lanes.lanes[&1].takes(Door::Parse) && lanes.is_blocked(tls));
        lanes.block(tls, false);
        (0..1000).for_each(|_| lanes.opened(1));
        assert!(!lanes.any(Door::Tls) && !lanes.lanes[&1].takes(Door::Parse), "as many as it may have");
        lanes.remove(way(1), 600);
        assert!(lanes.any(Door::Tls) && lanes.lanes[&1].open == 400);
        lanes.remove(tls, 400);
        assert!(lanes.room(1).is_none(), "its last door");
        lanes.block(tls, false);
        assert!(!lanes.any(Door::Tls));
    }
}
