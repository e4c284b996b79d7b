//! Windows of request bodies. A client may send what the ring has credit for, and ahead of that as
//! much as its stream has shown that it consumes: over a distance a window is what comes in one
//! round trip.

use fosse_http2::WINDOW_BYTES_INITIAL;
use fosse_source::{Budget, Source};

use crate::limits::AHEAD_STREAM_BYTES_MAX;

/// The part of a window that is ahead of the ring's credit, and its owner.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    bytes: u32,
    owner: Option<Source>,
    /// The client has used its window up since it last grew.
    is_used_up: bool,
}

impl Ahead {
    /// Notes what is left of the window after bytes have come.
    pub(crate) fn note_left(&mut self, left: i64) {
        self.is_used_up |= left < i64::from(WINDOW_BYTES_INITIAL + self.bytes) / 4;
    }

    /// Returns the bytes by which the window grows with the credit that has just come: it doubles
    /// in a round trip in which the client has used it up, as a sender's does in TCP's slow start,
    /// as far as source and lane have room for it.
    pub(crate) fn grow(&mut self, source: Source, budget: &mut Budget) -> u32 {
        if !core::mem::take(&mut self.is_used_up) {
            return 0;
        }
        let wanted = (WINDOW_BYTES_INITIAL + self.bytes).min(AHEAD_STREAM_BYTES_MAX - self.bytes);
        // Whoever it was charged to gets it back.
        let owner = *self.owner.get_or_insert(source);
        let room = budget.room(owner);
        let more = wanted.min(u32::try_from(room).unwrap_or(u32::MAX));
        budget.add(owner, usize::try_from(more).unwrap_or(0));
        self.bytes += more;
        more
    }

    /// Gives back what it has of the budget.
    pub(crate) fn end(&mut self, budget: &mut Budget) {
        if let Some(owner) = self.owner.take() {
            budget.sub(owner, usize::try_from(self.bytes).unwrap_or(0));
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last])
    }

    #[test]
    fn a_window_doubles_with_each_round_trip_that_uses_it_up_and_ends_at_its_limit() {
        let (mut ahead, mut budget) = (Ahead::default(), Budget::new(1 << 30));
        for round in 0..20 {
            let before = WINDOW_BYTES_INITIAL + ahead.bytes;
            ahead.note_left(0);
            let more = ahead.grow(source(1), &mut budget);
            assert_eq!(more, before.min(AHEAD_STREAM_BYTES_MAX - (before - WINDOW_BYTES_INITIAL)), "{round}");
            assert_eq!(ahead.grow(source(1), &mut budget), 0, "once in a round trip");
        }
        assert_eq!(budget.bytes(), u64::from(AHEAD_STREAM_BYTES_MAX));
        ahead.end(&mut budget);
        assert_eq!((budget.bytes(), ahead.bytes), (0, 0));
    }

    #[test]
    fn who_sends_slowly_gets_no_more() {
        let (mut ahead, mut budget) = (Ahead::default(), Budget::new(1 << 30));
        ahead.note_left(i64::from(WINDOW_BYTES_INITIAL / 4));
        assert_eq!(ahead.grow(source(1), &mut budget), 0);
    }

    #[test]
    fn a_source_with_many_streams_leaves_room_for_others() {
        let mut budget = Budget::new(1 << 20);
        let mut grown = |last| {
            let mut ahead = Ahead::default();
            for _ in 0..8 {
                ahead.note_left(0);
                ahead.grow(source(last), &mut budget);
            }
            ahead.bytes
        };
        let hoard: u32 = (0..50).map(|_| grown(1)).sum();
        assert!(hoard <= 1 << 19);
        assert!(grown(2) >= 1 << 17);
    }
}
