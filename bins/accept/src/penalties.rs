//! Sources that crash a stage, or let the rules run out of time again and again: after two crashes
//! within a minute, or too many overruns, they are refused for ten.

use std::collections::HashMap;

use fosse_source::Source;
use fosse_wire::start as wire;

use crate::limits::{CRASHES_COUNT_MAX, CRASHES_WINDOW_MS, OVERRUNS_COUNT_MAX, PENALTY_MS};

/// Crashes and penalties by source. The caller decides which sources are exempt.
#[derive(Debug, Default)]
pub(crate) struct Penalties {
    strikes: HashMap<Source, Strike>,
    overruns: HashMap<Source, Overruns>,
}

/// Requests that used up the rules' time.
#[derive(Clone, Copy, Debug)]
struct Overruns {
    count: u64,
    /// The time of the first, in milliseconds.
    since_ms: u64,
}

#[derive(Clone, Copy, Debug)]
enum Strike {
    /// One crash so far, at this time (milliseconds, monotonic).
    Once(u64),
    /// Refused until then.
    Until(u64),
}

impl Strike {
    fn is_over(self, now_ms: u64) -> bool {
        match self {
            Strike::Once(at) => now_ms.saturating_sub(at) > CRASHES_WINDOW_MS,
            Strike::Until(end) => now_ms >= end,
        }
    }
}

impl Penalties {
    /// Notes that a process crashed while it worked for this source. Returns whether that makes a
    /// penalty, or a longer one.
    pub(crate) fn crashed(&mut self, source: Source, now_ms: u64) -> bool {
        let again = self.strikes.get(&source).is_some_and(|strike| !strike.is_over(now_ms));
        let until = again.then(|| now_ms.saturating_add(PENALTY_MS));
        self.make_room(now_ms);
        self.strikes.insert(source, until.map_or(Strike::Once(now_ms), Strike::Until));
        again
    }

    /// Notes requests of a source that used up the rules' time. Returns whether that makes a
    /// penalty.
    pub(crate) fn overran(&mut self, source: Source, times: u64, now_ms: u64) -> bool {
        let is_over = |since_ms: u64| now_ms > since_ms + CRASHES_WINDOW_MS;
        if self.overruns.len() >= CRASHES_COUNT_MAX {
            self.overruns.retain(|_, overruns| !is_over(overruns.since_ms));
        }
        if self.overruns.len() >= CRASHES_COUNT_MAX {
            self.overruns.clear();
        }
        let overruns = self.overruns.entry(source).or_insert(Overruns { count: 0, since_ms: now_ms });
        if is_over(overruns.since_ms) {
            *overruns = Overruns { count: 0, since_ms: now_ms };
        }
        // A lane says that number.
        overruns.count += times.min(OVERRUNS_COUNT_MAX + 1);
        if overruns.count <= OVERRUNS_COUNT_MAX {
            return false;
        }
        self.overruns.remove(&source);
        self.make_room(now_ms);
        self.strikes.insert(source, Strike::Until(now_ms + PENALTY_MS));
        true
    }

    /// Returns the penalties: each source with the time of its end in milliseconds.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Source, u64)> {
        self.strikes.iter().filter_map(|(source, strike)| match strike {
            Strike::Once(_) => None,
            Strike::Until(end) => Some((*source, *end)),
        })
    }

    /// Returns what is remembered of a source, as the next accept is sent it.
    pub(crate) fn strike(&self, source: Source) -> Option<wire::Strike> {
        let (wide, bits) = source.parts();
        let (penalised, ms) = match *self.strikes.get(&source)? {
            Strike::Once(at) => (false, at),
            Strike::Until(end) => (true, end),
        };
        Some(wire::Strike { wide, source: bits, penalised, seconds: u32::try_from(ms / 1000).unwrap_or(u32::MAX) })
    }

    /// Takes over what an earlier accept remembered. Nothing is believed that would last longer
    /// than it could.
    pub(crate) fn restore(&mut self, remembered: wire::Strike, now_ms: u64) {
        let ms = u64::from(remembered.seconds) * 1000;
        let strike = if remembered.penalised {
            Strike::Until(ms.min(now_ms.saturating_add(PENALTY_MS)))
        } else {
            Strike::Once(ms.min(now_ms))
        };
        if !strike.is_over(now_ms) {
            self.make_room(now_ms);
            self.strikes.insert(Source::of_parts(remembered.wide, remembered.source), strike);
        }
    }

    /// Returns whether the source is refused now.
    pub(crate) fn holds(&self, source: Source, now_ms: u64) -> bool {
        matches!(self.strikes.get(&source), Some(Strike::Until(end)) if now_ms < *end)
    }

    /// Forgets what is over; where that is not enough any single crash goes before any penalty
    /// does.
    fn make_room(&mut self, now_ms: u64) {
        if self.strikes.len() < CRASHES_COUNT_MAX {
            return;
        }
        self.strikes.retain(|_, strike| !strike.is_over(now_ms));
        if self.strikes.len() >= CRASHES_COUNT_MAX {
            self.strikes.retain(|_, strike| matches!(strike, Strike::Until(_)));
        }
        if self.strikes.len() >= CRASHES_COUNT_MAX {
            self.strikes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        let mut peer = fosse_wire::request::Endpoint { addr: [0; 16], port: 1 };
        peer.addr[10..].copy_from_slice(&[255, 255, 192, 0, 2, last]);
        Source::of_address(&peer.addr).unwrap()
    }

    #[test]
    fn two_crashes_within_a_minute_make_a_penalty_of_ten() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        let after = |seconds: u64| start + seconds * 1000;
        assert!(!penalties.crashed(source(1), start));
        assert!(!penalties.holds(source(1), start));
        assert!(penalties.crashed(source(1), after(59)));
        assert!(penalties.holds(source(1), after(59)) && penalties.holds(source(1), after(658)));
        assert!(!penalties.holds(source(1), after(659)) && !penalties.holds(source(2), after(60)));
    }

    #[test]
    fn crashes_further_apart_make_none() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        for minute in 0..10 {
            assert!(!penalties.crashed(source(1), start + minute * 61_000));
        }
    }

    #[test]
    fn a_crash_during_a_penalty_lengthens_it() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        assert!(!penalties.crashed(source(1), start) && penalties.crashed(source(1), start));
        assert!(penalties.crashed(source(1), start + 500_000));
        assert!(penalties.holds(source(1), start + 1_099_000));
    }

    #[test]
    fn another_accept_goes_on_where_this_one_left_off_and_believes_no_more_than_it_could_have_done() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        penalties.crashed(source(1), start);
        assert!(!penalties.crashed(source(2), start) && penalties.crashed(source(2), start));
        let mut next = Penalties::default();
        [1, 2].iter().for_each(|last| next.restore(penalties.strike(source(*last)).unwrap(), start + 1000));
        assert!(!next.holds(source(1), start + 1000) && next.holds(source(2), start + 599_000));
        assert!(!next.holds(source(2), start + 600_000));
        assert!(next.crashed(source(1), start + 30_000), "the crash before counts");
        let mut third = Penalties::default();
        let forever = wire::Strike { seconds: u32::MAX, ..penalties.strike(source(2)).unwrap() };
        third.restore(forever, start);
        assert!(third.holds(source(2), start) && !third.holds(source(2), start + 600_000));
        third.restore(penalties.strike(source(1)).unwrap(), start + 61_001);
        assert_eq!(third.strikes.len(), 1, "what is over is not taken over");
    }

    #[test]
    fn too_many_overruns_within_a_minute_make_the_same_penalty() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        assert!(!penalties.overran(source(1), OVERRUNS_COUNT_MAX, start));
        assert!(!penalties.overran(source(1), OVERRUNS_COUNT_MAX, start + CRASHES_WINDOW_MS + 1), "another minute");
        assert!(!penalties.overran(source(2), 1, start + CRASHES_WINDOW_MS + 1), "another source");
        assert!(penalties.overran(source(1), 1, start + CRASHES_WINDOW_MS + 2));
        let until = start + CRASHES_WINDOW_MS + 2 + PENALTY_MS;
        assert!(penalties.holds(source(1), until - 1) && !penalties.holds(source(1), until));
        assert_eq!(penalties.all().collect::<Vec<_>>(), [(source(1), until)]);
        assert!(penalties.overran(source(2), u64::MAX, start + CRASHES_WINDOW_MS + 1));
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_penalties_longest() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        penalties.crashed(source(1), start);
        penalties.crashed(source(1), start);
        for n in 0..u32::try_from(CRASHES_COUNT_MAX).unwrap() * 2 {
            let mut peer = fosse_wire::request::Endpoint { addr: [0x20; 16], port: 1 };
            peer.addr[4..8].copy_from_slice(&n.to_be_bytes());
            penalties.crashed(Source::of_address(&peer.addr).unwrap(), start);
            penalties.overran(Source::of_address(&peer.addr).unwrap(), 1, start);
            assert!(penalties.strikes.len() <= CRASHES_COUNT_MAX && penalties.overruns.len() <= CRASHES_COUNT_MAX);
        }
        assert!(penalties.holds(source(1), start));
    }
}
