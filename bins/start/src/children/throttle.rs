//! The pause before a program that crashed may be started again.

use crate::limits::{CRASH_PAUSE_MS_MAX, CRASHES_FREE, CRASHES_WINDOW_MS};

/// The crashes of one program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    crashes: Vec<u64>,
    pause_ms: u64,
    until_ms: u64,
}

impl Throttle {
    /// Counts a crash. [`CRASHES_FREE`] within the window cost nothing; after that each costs a
    /// pause of 1, 2, 4 ... 30 s. After a window without crashes counting begins from nothing.
    pub(crate) fn crashed(&mut self, now_ms: u64) {
        self.crashes.retain(|at| at.saturating_add(CRASHES_WINDOW_MS) > now_ms);
        if self.crashes.is_empty() && now_ms >= self.until_ms.saturating_add(CRASHES_WINDOW_MS) {
            self.pause_ms = 0;
        }
        self.crashes.push(now_ms);
        if self.crashes.len() > CRASHES_FREE || self.pause_ms > 0 {
            self.pause_ms = self.pause_ms.saturating_mul(2).clamp(1000, CRASH_PAUSE_MS_MAX);
            self.until_ms = now_ms.saturating_add(self.pause_ms);
        }
    }

    /// Returns whether it may be started now.
    pub(crate) const fn allows(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_crashes_are_free_and_then_the_pauses_double_to_thirty_seconds() {
        let mut throttle = Throttle::default();
        for at in 0..10 {
            throttle.crashed(at);
            assert!(throttle.allows(at));
        }
        let mut now = 10;
        for pause in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            throttle.crashed(now);
            assert!(!throttle.allows(now + pause - 1) && throttle.allows(now + pause), "{pause}");
            now += pause;
        }
    }

    #[test]
    fn after_a_quiet_window_counting_begins_from_nothing() {
        let mut throttle = Throttle::default();
        (0..12).for_each(|at| throttle.crashed(at));
        let later = 11 + 2000 + CRASHES_WINDOW_MS + 1000;
        throttle.crashed(later);
        assert!(throttle.allows(later));
    }
}
