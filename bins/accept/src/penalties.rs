//! Sources that crash a stage: two deaths within a minute close the door to them for ten.

use std::collections::HashMap;

use crate::limits::{DEATHS_COUNT_MAX, DEATHS_WINDOW_MS, PENALTY_MS};
use crate::source::Source;

/// Deaths and penalties by source. Who is exempt is decided by the caller.
#[derive(Debug, Default)]
pub struct Penalties {
    marks: HashMap<Source, Mark>,
}

#[derive(Clone, Copy, Debug)]
enum Mark {
    /// One death so far, at this time (milliseconds, monotonic).
    Died(u64),
    /// Refused until then.
    Until(u64),
}

impl Mark {
    fn is_over(self, now_ms: u64) -> bool {
        match self {
            Mark::Died(at) => now_ms.saturating_sub(at) > DEATHS_WINDOW_MS,
            Mark::Until(end) => now_ms >= end,
        }
    }
}

impl Penalties {
    /// A process died while it worked for this source. True if that makes a penalty (or a longer one).
    pub fn died(&mut self, source: Source, now_ms: u64) -> bool {
        let again = self.marks.get(&source).is_some_and(|mark| !mark.is_over(now_ms));
        let until = again.then(|| now_ms.saturating_add(PENALTY_MS));
        self.make_room(now_ms);
        self.marks.insert(source, until.map_or(Mark::Died(now_ms), Mark::Until));
        again
    }

    /// Whether the source is refused now.
    pub fn holds(&self, source: Source, now_ms: u64) -> bool {
        matches!(self.marks.get(&source), Some(Mark::Until(end)) if now_ms < *end)
    }

    /// Forgets what is over; where that is not enough any single death goes before any penalty does.
    fn make_room(&mut self, now_ms: u64) {
        if self.marks.len() < DEATHS_COUNT_MAX {
            return;
        }
        self.marks.retain(|_, mark| !mark.is_over(now_ms));
        if self.marks.len() >= DEATHS_COUNT_MAX {
            self.marks.retain(|_, mark| matches!(mark, Mark::Until(_)));
        }
        if self.marks.len() >= DEATHS_COUNT_MAX {
            self.marks.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        let mut peer = fosse_wire::request::Endpoint { addr: [0; 16], port: 1 };
        peer.addr[10..].copy_from_slice(&[255, 255, 192, 0, 2, last]);
        Source::of(&peer).unwrap()
    }

    #[test]
    fn two_deaths_within_a_minute_close_the_door_for_ten() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        let after = |seconds: u64| start + seconds * 1000;
        assert!(!penalties.died(source(1), start));
        assert!(!penalties.holds(source(1), start));
        assert!(penalties.died(source(1), after(59)));
        assert!(penalties.holds(source(1), after(59)) && penalties.holds(source(1), after(658)));
        assert!(!penalties.holds(source(1), after(659)) && !penalties.holds(source(2), after(60)));
    }

    #[test]
    fn deaths_further_apart_make_none() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        for minute in 0..10 {
            assert!(!penalties.died(source(1), start + minute * 61_000));
        }
    }

    #[test]
    fn a_death_during_a_penalty_lengthens_it() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        assert!(!penalties.died(source(1), start) && penalties.died(source(1), start));
        assert!(penalties.died(source(1), start + 500_000));
        assert!(penalties.holds(source(1), start + 1_099_000));
    }

    #[test]
    fn the_table_stays_bounded_and_keeps_penalties_longest() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        penalties.died(source(1), start);
        penalties.died(source(1), start);
        for n in 0..u32::try_from(DEATHS_COUNT_MAX).unwrap() * 2 {
            let mut peer = fosse_wire::request::Endpoint { addr: [0x20; 16], port: 1 };
            peer.addr[4..8].copy_from_slice(&n.to_be_bytes());
            penalties.died(Source::of(&peer).unwrap(), start);
            assert!(penalties.marks.len() <= DEATHS_COUNT_MAX);
        }
        assert!(penalties.holds(source(1), start));
    }
}
