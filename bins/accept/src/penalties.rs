//! Sources that crash a stage: two deaths within a minute close the door to them for ten.

use std::collections::HashMap;

use fosse_wire::start as wire;

use crate::limits::{DEATHS_COUNT_MAX, DEATHS_WINDOW_MS, PENALTY_MS};
use crate::source::Source;

/// Deaths and penalties by source. Who is exempt is decided by the caller.
#[derive(Debug, Default)]
pub(crate) struct Penalties {
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
    /// Notes that a process died while it worked for this source. Returns whether that makes a
    /// penalty, or a longer one.
    pub(crate) fn died(&mut self, source: Source, now_ms: u64) -> bool {
        let again = self.marks.get(&source).is_some_and(|mark| !mark.is_over(now_ms));
        let until = again.then(|| now_ms.saturating_add(PENALTY_MS));
        self.make_room(now_ms);
        self.marks.insert(source, until.map_or(Mark::Died(now_ms), Mark::Until));
        again
    }

    /// Returns what is remembered of a source, in the words for the next accept.
    pub(crate) fn mark(&self, source: Source) -> Option<wire::Mark> {
        let (wide, bits) = source.parts();
        let (penalised, ms) = match *self.marks.get(&source)? {
            Mark::Died(at) => (false, at),
            Mark::Until(end) => (true, end),
        };
        Some(wire::Mark { wide, source: bits, penalised, seconds: u32::try_from(ms / 1000).unwrap_or(u32::MAX) })
    }

    /// Takes over what an earlier accept remembered. Nothing is believed that would last longer
    /// than it could.
    pub(crate) fn restore(&mut self, told: wire::Mark, now_ms: u64) {
        let ms = u64::from(told.seconds).saturating_mul(1000);
        let mark = if told.penalised {
            Mark::Until(ms.min(now_ms.saturating_add(PENALTY_MS)))
        } else {
            Mark::Died(ms.min(now_ms))
        };
        if !mark.is_over(now_ms) {
            self.make_room(now_ms);
            self.marks.insert(Source::of_parts(told.wide, told.source), mark);
        }
    }

    /// Returns whether the source is refused now.
    pub(crate) fn holds(&self, source: Source, now_ms: u64) -> bool {
        matches!(self.marks.get(&source), Some(Mark::Until(end)) if now_ms < *end)
    }

    /// Forgets what is over; where that is not enough any single death goes before any penalty
    /// does.
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
    fn another_accept_goes_on_where_this_one_left_off_and_believes_no_more_than_it_could_have_done() {
        let (mut penalties, start) = (Penalties::default(), 1_000_000_u64);
        penalties.died(source(1), start);
        assert!(!penalties.died(source(2), start) && penalties.died(source(2), start));
        let mut next = Penalties::default();
        [1, 2].iter().for_each(|last| next.restore(penalties.mark(source(*last)).unwrap(), start + 1000));
        assert!(!next.holds(source(1), start + 1000) && next.holds(source(2), start + 599_000));
        assert!(!next.holds(source(2), start + 600_000));
        assert!(next.died(source(1), start + 30_000), "the death before counts");
        let mut third = Penalties::default();
        let forever = wire::Mark { seconds: u32::MAX, ..penalties.mark(source(2)).unwrap() };
        third.restore(forever, start);
        assert!(third.holds(source(2), start) && !third.holds(source(2), start + 600_000));
        third.restore(penalties.mark(source(1)).unwrap(), start + 61_001);
        assert_eq!(third.marks.len(), 1, "what is over is not taken over");
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
