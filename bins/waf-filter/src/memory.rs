//! The lane's memory for what is buffered, and its share in the counter page.

use std::rc::Rc;

use fosse_counters::{Counters, waf_filter as count};

use crate::limits::{
    LANE_HELD_BYTES_DEFAULT, PENDING_RESPONSES_MAX, SPOOL_BODY_BYTES_LEAST, SPOOL_BODY_BYTES_MIN, SPOOL_MEMORY_SHARE,
};

/// Bytes of buffered bodies and of requests whose responses are pending, against one limit.
#[derive(Debug)]
pub(crate) struct Memory {
    used_bytes: u64,
    lane_held_bytes_max: u64,
    /// Requests that have passed and whose responses are pending or buffered.
    pending: usize,
    /// Those of the used bytes that are on their way to the spool.
    moving_bytes: u64,
    counters: Rc<Counters>,
}

impl Memory {
    /// Makes an empty memory; a limit of 0 means the default.
    pub(crate) fn new(lane_held_bytes_max: u64, counters: Rc<Counters>) -> Self {
        let lane_held_bytes_max = if lane_held_bytes_max == 0 { LANE_HELD_BYTES_DEFAULT } else { lane_held_bytes_max };
        Self { used_bytes: 0, lane_held_bytes_max, pending: 0, moving_bytes: 0, counters }
    }

    /// Counts bytes that are buffered from now on, even beyond the limit: they are here already.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.used_bytes += bytes;
        self.publish();
    }

    /// Gives back bytes that were added.
    pub(crate) fn release(&mut self, bytes: u64) {
        self.used_bytes -= bytes;
        self.publish();
    }

    /// Notes that bytes that were added are on their way to the spool.
    pub(crate) const fn move_out(&mut self, bytes: u64) {
        self.moving_bytes += bytes;
    }

    /// Gives back bytes that were on their way to the spool.
    pub(crate) fn written(&mut self, bytes: u64) {
        self.moving_bytes -= bytes;
        self.release(bytes);
    }

    /// Tells whether so much is buffered that a long body goes to the spool.
    pub(crate) const fn is_scarce(&self) -> bool {
        self.is_filling() && self.may_move_out()
    }

    /// Tells whether so much is buffered that a long body has to wait until the spool has written
    /// what is on its way there.
    pub(crate) const fn is_congested(&self) -> bool {
        self.is_filling() && !self.may_move_out()
    }

    /// Returns the bytes in memory from which on a body is long: fewer while memory is short.
    pub(crate) const fn long_body_bytes(&self) -> usize {
        let is_short = self.staying_bytes() > self.lane_held_bytes_max / 2;
        if is_short { SPOOL_BODY_BYTES_LEAST } else { SPOOL_BODY_BYTES_MIN }
    }

    /// Returns the bytes that are not on their way to the spool.
    const fn staying_bytes(&self) -> u64 {
        self.used_bytes - self.moving_bytes
    }

    const fn is_filling(&self) -> bool {
        self.staying_bytes() > self.lane_held_bytes_max / SPOOL_MEMORY_SHARE
    }

    /// Tells whether more may be on its way to the spool: what is stays in memory until it is
    /// written.
    pub(crate) const fn may_move_out(&self) -> bool {
        self.moving_bytes < self.lane_held_bytes_max / SPOOL_MEMORY_SHARE
    }

    /// Tells whether more is buffered than the lane may, without what is on its way to the spool:
    /// that gives way already, and [`Memory::may_move_out`] bounds it.
    pub(crate) const fn is_exceeded(&self) -> bool {
        self.staying_bytes() > self.lane_held_bytes_max
    }

    /// Counts a request whose response is pending, of `bytes`; false where there is no room for it.
    #[must_use]
    pub(crate) fn add_pending(&mut self, bytes: u64) -> bool {
        let has_room = self.pending < PENDING_RESPONSES_MAX && self.used_bytes + bytes <= self.lane_held_bytes_max;
        if has_room {
            self.pending += 1;
            self.add(bytes);
        }
        has_room
    }

    /// Gives back what [`Memory::add_pending`] has counted, and what was buffered of the response.
    pub(crate) fn release_pending(&mut self, bytes: u64) {
        self.pending -= 1;
        self.release(bytes);
    }

    fn publish(&self) {
        self.counters.set(count::BUFFERED_BYTES, self.used_bytes);
        self.counters.set(count::RESPONSES_PENDING, length_of(self.pending));
    }
}

/// A length in memory, as the counters and limits have it.
pub(crate) fn length_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes_max: u64) -> (Memory, Rc<Counters>) {
        let counters = Rc::new(Counters::private());
        (Memory::new(bytes_max, Rc::clone(&counters)), counters)
    }

    #[test]
    fn what_is_buffered_is_in_the_counter_page_until_it_is_given_back() {
        let (mut memory, counters) = memory(10);
        memory.add(11);
        assert!(memory.is_exceeded());
        memory.move_out(1);
        assert!(!memory.is_exceeded(), "it gives way already");
        memory.written(1);
        memory.add(1);
        assert_eq!(counters.get(count::BUFFERED_BYTES), 11);
        memory.release(1);
        assert!(!memory.is_exceeded());
        memory.release(10);
        assert_eq!(counters.get(count::BUFFERED_BYTES), 0);
    }

    #[test]
    fn long_bodies_go_to_the_spool_from_a_quarter_on_and_wait_while_a_quarter_is_on_its_way() {
        let (mut memory, _) = memory(40);
        memory.add(10);
        assert!(!memory.is_scarce() && !memory.is_congested());
        memory.add(11);
        assert!(memory.is_scarce() && !memory.is_congested());
        memory.move_out(10);
        assert!(memory.may_move_out() == memory.is_scarce() && memory.is_congested());
        memory.written(1);
        assert!(memory.is_scarce() && !memory.is_congested());
        memory.move_out(1);
        assert!(!memory.is_scarce() && !memory.is_congested(), "the rest is within its quarter");
    }

    #[test]
    fn shorter_bodies_count_as_long_where_half_of_the_memory_is_in_use() {
        let (mut memory, _) = memory(40);
        memory.add(20);
        assert_eq!(memory.long_body_bytes(), SPOOL_BODY_BYTES_MIN);
        memory.add(1);
        assert_eq!(memory.long_body_bytes(), SPOOL_BODY_BYTES_LEAST);
        memory.move_out(1);
        assert_eq!(memory.long_body_bytes(), SPOOL_BODY_BYTES_MIN);
    }

    #[test]
    fn a_pending_response_is_refused_where_its_request_has_no_room() {
        let (mut memory, counters) = memory(10);
        assert!(memory.add_pending(10));
        assert!(!memory.add_pending(1) && memory.add_pending(0));
        assert_eq!((counters.get(count::BUFFERED_BYTES), counters.get(count::RESPONSES_PENDING)), (10, 2));
        memory.release_pending(10);
        memory.release_pending(0);
        assert_eq!((counters.get(count::BUFFERED_BYTES), counters.get(count::RESPONSES_PENDING)), (0, 0));
    }

    #[test]
    fn no_more_than_the_limit_of_requests_are_pending_however_small() {
        let (mut memory, _) = memory(u64::MAX);
        for _ in 0..PENDING_RESPONSES_MAX {
            assert!(memory.add_pending(0));
        }
        assert!(!memory.add_pending(0));
        memory.release_pending(0);
        assert!(memory.add_pending(0));
    }
}
