//! Streams whose evaluation goes on later, and whether this turn of the loop has time left.

use std::collections::VecDeque;

use fosse_wire::StreamId;

use crate::limits::TURN_US_MAX;

/// The streams that wait for time, longest first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    streams: VecDeque<StreamId>,
    turn_began_us: u64,
}

impl Queue {
    /// Begins a turn of the loop.
    pub(crate) const fn begin_turn(&mut self, now_us: u64) {
        self.turn_began_us = now_us;
    }

    /// Tells whether this turn has taken so long that what comes now has to wait.
    pub(crate) const fn is_late(&self, now_us: u64) -> bool {
        now_us.saturating_sub(self.turn_began_us) >= TURN_US_MAX
    }

    /// Appends a stream, unless `is_queued` says that it waits already.
    pub(crate) fn push(&mut self, stream: StreamId, is_queued: &mut bool) {
        if !std::mem::replace(is_queued, true) {
            self.streams.push_back(stream);
        }
    }

    /// Takes the stream that has waited longest.
    pub(crate) fn pop(&mut self) -> Option<StreamId> {
        self.streams.pop_front()
    }

    /// Returns the number of streams that wait.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_waits_once_and_the_first_goes_first() {
        let (mut queue, mut first, mut second) = (Queue::default(), false, false);
        queue.push(StreamId::from_raw(7), &mut first);
        queue.push(StreamId::from_raw(8), &mut second);
        queue.push(StreamId::from_raw(7), &mut first);
        assert!(first && second && queue.len() == 2);
        assert_eq!(queue.pop(), Some(StreamId::from_raw(7)));
        assert_eq!(queue.pop(), Some(StreamId::from_raw(8)));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn a_turn_is_late_once_its_time_is_over() {
        let mut queue = Queue::default();
        queue.begin_turn(1_000_000);
        assert!(!queue.is_late(1_000_000) && !queue.is_late(1_000_000 + TURN_US_MAX - 1));
        assert!(queue.is_late(1_000_000 + TURN_US_MAX));
        assert!(!queue.is_late(0), "a clock before the turn is no late one");
    }
}
