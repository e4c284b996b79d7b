//! The counts of one server's active checks.

use fosse_settings::{Backend, Health};

use fosse_deadlines::after;

/// The active checks of one server.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// Checks say it is out: only passing checks bring it back.
    pub(crate) unhealthy: bool,
    /// Good checks in a row.
    pub(crate) passes: u32,
    /// Failed checks in a row.
    pub(crate) fails: u32,
    /// Time at which the next one is due; 0 before the first.
    due_ms: u64,
    /// One is under way.
    under_way: bool,
}

impl Checks {
    /// Returns whether a check is due now.
    pub(super) fn is_due(&mut self, health: &Health, server: usize, now_ms: u64) -> bool {
        if self.due_ms == 0 {
            // The first checks of all servers and lanes are spread over one interval.
            let interval_ms = after(0, health.interval_seconds).max(1);
            let share_ms = u64::try_from(server).unwrap_or(0).wrapping_mul(97) % interval_ms;
            self.due_ms = now_ms.saturating_add(share_ms).max(1);
            return false;
        }
        !self.under_way && self.due_ms <= now_ms
    }

    /// Begins a check.
    pub(super) const fn begin(&mut self, health: &Health, now_ms: u64) {
        self.under_way = true;
        self.due_ms = after(now_ms, health.interval_seconds);
    }

    /// Counts a check's result. Returns true where it changes whether the server is healthy.
    pub(super) fn ended(&mut self, health: &Health, backend: &Backend, good: bool) -> bool {
        self.under_way = false;
        let was = self.unhealthy;
        if good {
            self.fails = 0;
            self.passes += 1;
            self.unhealthy &= self.passes < health.passes_min.max(1);
        } else {
            self.passes = 0;
            self.fails += 1;
            self.unhealthy |= self.fails >= backend.failures_max.max(1);
        }
        was != self.unhealthy
    }
}

#[cfg(test)]
impl Checks {
    /// Sets the time of the next check.
    pub(crate) const fn due_at(&mut self, ms: u64) {
        self.due_ms = ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_in_a_row_decide() {
        let health = Health { passes_min: 2, ..Health::default() };
        let backend = Backend { failures_max: 3, ..Backend::default() };
        let mut checks = Checks::default();
        let mut after = |good: &[bool]| {
            for good in good {
                checks.ended(&health, &backend, *good);
            }
            checks.unhealthy
        };
        assert!(!after(&[false, false, true, false, false]));
        assert!(after(&[false]));
        assert!(after(&[true, false, true]));
        assert!(!after(&[true]));
    }
}
