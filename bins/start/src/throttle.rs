//! How soon a program that died by its own fault may be started again.

use crate::limits::{DEATH_PAUSE_MS_MAX, DEATHS_FREE, DEATHS_WINDOW_MS};

/// The deaths of one program.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    deaths: Vec<u64>,
    pause_ms: u64,
    until_ms: u64,
}

impl Throttle {
    /// Takes note of a death. [`DEATHS_FREE`] within the window cost nothing; after that 1, 2, 4 ... 30 s each. A quiet
    /// window makes everything good again.
    pub fn died(&mut self, now_ms: u64) {
        self.deaths.retain(|at| at.saturating_add(DEATHS_WINDOW_MS) > now_ms);
        if self.deaths.is_empty() && now_ms >= self.until_ms.saturating_add(DEATHS_WINDOW_MS) {
            self.pause_ms = 0;
        }
        self.deaths.push(now_ms);
        if self.deaths.len() > DEATHS_FREE || self.pause_ms > 0 {
            self.pause_ms = self.pause_ms.saturating_mul(2).clamp(1000, DEATH_PAUSE_MS_MAX);
            self.until_ms = now_ms.saturating_add(self.pause_ms);
        }
    }

    /// Whether it may be started now.
    #[must_use]
    pub const fn allows(&self, now_ms: u64) -> bool {
        now_ms >= self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_deaths_are_free_and_then_the_pauses_double_to_thirty_seconds() {
        let mut throttle = Throttle::default();
        for at in 0..10 {
            throttle.died(at);
            assert!(throttle.allows(at));
        }
        let mut now = 10;
        for pause in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            throttle.died(now);
            assert!(!throttle.allows(now + pause - 1) && throttle.allows(now + pause), "{pause}");
            now += pause;
        }
    }

    #[test]
    fn a_quiet_window_makes_it_good_again() {
        let mut throttle = Throttle::default();
        (0..12).for_each(|at| throttle.died(at));
        let later = 11 + 2000 + DEATHS_WINDOW_MS + 1000;
        throttle.died(later);
        assert!(throttle.allows(later));
    }
}
