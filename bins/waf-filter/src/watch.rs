//! What a slice of time has cost: the wall clock as long as that is little, then the CPU clock.

use fosse_eventloop::clock_us;
use fosse_seclang::Schedule;
use rustix::time::{ClockId, clock_gettime};

use crate::limits::{LOOK_US, SLICE_US_MAX};

/// The clock of one slice.
#[derive(Debug)]
pub(crate) struct Watch {
    began_us: u64,
    /// The CPU clock when it was first asked, less what the wall clock had counted by then.
    cpu_began_us: std::cell::Cell<Option<u64>>,
    left_us: u64,
}

impl Watch {
    /// `long` says that much may happen before the first look: then the CPU clock is asked from the beginning.
    pub(crate) fn new(spent_us: u64, budget_us: u64, long: bool) -> Self {
        Self {
            began_us: clock_us(),
            cpu_began_us: std::cell::Cell::new(long.then(cpu_clock_us)),
            left_us: budget_us.saturating_sub(spent_us),
        }
    }

    pub(crate) fn wall_us(&self) -> u64 {
        clock_us().saturating_sub(self.began_us)
    }

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

    fn cpu_us(&self) -> u64 {
        let now = cpu_clock_us();
        let began = self.cpu_began_us.get().unwrap_or_else(|| now.saturating_sub(LOOK_US));
        self.cpu_began_us.set(Some(began));
        now.saturating_sub(began)
    }

    pub(crate) fn used_us(&self) -> u64 {
        if self.cpu_began_us.get().is_some() { self.cpu_us() } else { self.wall_us().min(LOOK_US) }
    }
}

/// CPU time of this process's one thread, in microseconds.
fn cpu_clock_us() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
