//! A rate over the last seconds, for whoever looks once.

use std::collections::VecDeque;

use crate::limits::RATE_MS;

/// A sum as it was at each tick of the last seconds, the oldest first: time and value.
#[derive(Debug, Default)]
pub(crate) struct Rate(VecDeque<(u64, u64)>);

impl Rate {
    /// Notes the sum, on the clock of the loop.
    pub(crate) fn note(&mut self, now_ms: u64, sum: u64) {
        while self.0.front().is_some_and(|(at_ms, _)| now_ms - at_ms > RATE_MS) {
            self.0.pop_front();
        }
        self.0.push_back((now_ms, sum));
    }

    /// Returns by how much the sum grew in a second; 0 before it was noted twice.
    pub(crate) fn per_second(&self) -> u64 {
        let (Some((from_ms, from)), Some((to_ms, to))) = (self.0.front(), self.0.back()) else { return 0 };
        // Whoever writes a page may set its counts back.
        let grown = to.checked_sub(*from).unwrap_or(0);
        let ms = (to_ms - from_ms).max(1);
        u64::try_from(u128::from(grown) * 1000 / u128::from(ms)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(), 0);
        rate.note(1000, 1_000_000);
        assert_eq!(rate.per_second(), 0);
        (1..=100).for_each(|at| rate.note(1000 + at * 500, 1_000_000 + at * 5));
        assert_eq!(rate.per_second(), 10);
        assert!(rate.0.len() < 30);
    }

    #[test]
    fn a_sum_that_jumps_overflows_nothing() {
        let mut rate = Rate::default();
        rate.note(0, 0);
        rate.note(1, u64::MAX);
        assert_eq!(rate.per_second(), u64::MAX);
        rate.note(RATE_MS + 1, 5);
        assert_eq!(rate.per_second(), 0);
    }
}
