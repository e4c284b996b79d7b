//! The CPU time of an evaluation: what it may take in all, and the slice it is taking.

use std::cell::Cell;

use fosse_eventloop::clock_us;
use fosse_seclang::Schedule;
use rustix::time::{ClockId, clock_gettime};

use crate::limits::{BODY_KIB_PER_BUDGET, LONG_BODY_BYTES, LOOK_US, RULES_MILLISECONDS_DEFAULT, SLICE_US_MAX};

/// The CPU time of one evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    spent_us: u64,
    limit_us: u64,
    /// A body is so long that one piece of work on it takes a good part of a turn.
    has_long_body: bool,
}

impl Budget {
    /// Makes an unused budget; 0 means the default.
    pub(crate) fn new(rules_milliseconds_max: u32) -> Self {
        let milliseconds =
            if rules_milliseconds_max == 0 { RULES_MILLISECONDS_DEFAULT } else { rules_milliseconds_max };
        Self { spent_us: 0, limit_us: u64::from(milliseconds) * 1000, has_long_body: false }
    }

    /// Allows for a body of this length, which takes its time however harmless it is.
    pub(crate) fn add_body(&mut self, body_bytes: usize) {
        let kib = u64::try_from(body_bytes).unwrap_or(u64::MAX) / 1024;
        self.limit_us = self.limit_us.saturating_add(self.limit_us.saturating_mul(kib) / BODY_KIB_PER_BUDGET);
        self.has_long_body |= body_bytes >= LONG_BODY_BYTES;
    }

    /// Returns the CPU time taken by all slices so far, in microseconds.
    pub(crate) const fn spent_us(&self) -> u64 {
        self.spent_us
    }

    /// Begins a slice.
    pub(crate) fn begin_slice(&self) -> Slice {
        Slice {
            began_us: clock_us(),
            // Much may happen to a long body before the first look at the clock.
            cpu_began_us: Cell::new(self.has_long_body.then(cpu_clock_us)),
            left_us: self.limit_us.saturating_sub(self.spent_us),
            spent_before_us: self.spent_us,
        }
    }

    /// Ends a slice.
    pub(crate) fn charge(&mut self, slice: &Slice) {
        self.spent_us += slice.used_us();
    }
}

/// One stretch of work on an evaluation. It is measured by the wall clock while it is short, which
/// costs no system call, then by the CPU clock.
#[derive(Debug)]
pub(crate) struct Slice {
    began_us: u64,
    /// The CPU clock when it was first read, less what the wall clock had counted by then.
    cpu_began_us: Cell<Option<u64>>,
    left_us: u64,
    spent_before_us: u64,
}

impl Slice {
    /// Returns about how much time the evaluation has taken, this slice included, in microseconds.
    pub(crate) fn elapsed_us(&self) -> u64 {
        self.spent_before_us.saturating_add(self.wall_us())
    }

    /// Tells whether the evaluation may go on.
    pub(crate) fn schedule(&self) -> Schedule {
        if self.wall_us() < LOOK_US {
            return Schedule::Go;
        }
        let used = self.cpu_us();
        if used >= self.left_us {
            Schedule::Exhausted
        } else if used >= SLICE_US_MAX {
            Schedule::Yield
        } else {
            Schedule::Go
        }
    }

    fn wall_us(&self) -> u64 {
        clock_us().saturating_sub(self.began_us)
    }

    fn cpu_us(&self) -> u64 {
        let now = cpu_clock_us();
        let began = self.cpu_began_us.get().unwrap_or_else(|| now.saturating_sub(LOOK_US));
        self.cpu_began_us.set(Some(began));
        now.saturating_sub(began)
    }

    fn used_us(&self) -> u64 {
        if self.cpu_began_us.get().is_some() { self.cpu_us() } else { self.wall_us().min(LOOK_US) }
    }
}

/// Reads the CPU time of this process's one thread, in microseconds.
fn cpu_clock_us() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_us(milliseconds: u32, body_bytes: usize) -> u64 {
        let mut budget = Budget::new(milliseconds);
        budget.add_body(body_bytes);
        budget.limit_us
    }

    #[test]
    fn a_long_body_has_as_much_time_again_for_every_256_kib() {
        for (bytes, expected) in
            [(0, 50_000), (1023, 50_000), (64 << 10, 62_500), (256 << 10, 100_000), (1 << 20, 250_000)]
        {
            assert_eq!(limit_us(50, bytes), expected, "{bytes}");
        }
        assert!(limit_us(u32::MAX, usize::MAX) > limit_us(u32::MAX, 1 << 20), "and no number is too large");
    }

    #[test]
    fn a_site_that_says_nothing_has_the_default() {
        assert_eq!(limit_us(0, 0), u64::from(RULES_MILLISECONDS_DEFAULT) * 1000);
    }

    #[test]
    fn used_up_time_ends_an_evaluation_at_the_first_look() {
        let mut budget = Budget::new(1);
        // From the first microsecond by the CPU clock, so that this thread's work alone counts.
        budget.add_body(LONG_BODY_BYTES);
        budget.spent_us = budget.limit_us;
        let slice = budget.begin_slice();
        while slice.wall_us() < LOOK_US {}
        assert_eq!(slice.schedule(), Schedule::Exhausted);
    }
}
