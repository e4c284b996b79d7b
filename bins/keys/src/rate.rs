//! The rate of signatures: the generic cell rate algorithm, on a clock in microseconds.

use crate::limits::{SIGNATURES_BURST_MAX, SIGNATURES_SECOND_MAX};

/// Microseconds that a signature takes of the rate.
const INTERVAL_US: u64 = 1_000_000 / SIGNATURES_SECOND_MAX;
/// Microseconds that may be taken ahead.
const BURST_US: u64 = SIGNATURES_BURST_MAX * INTERVAL_US;

/// The signatures of late, as the time until which they are paid for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    paid_until_us: u64,
}

impl Rate {
    /// Takes one signature, and returns whether there was one to take.
    pub(crate) fn take(&mut self, now_us: u64) -> bool {
        let paid_until_us = self.paid_until_us.max(now_us) + INTERVAL_US;
        let has_room = paid_until_us - now_us <= BURST_US;
        if has_room {
            self.paid_until_us = paid_until_us;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_signatures_and_one_burst_and_no_more() {
        let (mut rate, start) = (Rate::default(), 1_000_000);
        let mut granted = 0;
        for now_us in (start..start + 1_000_000).step_by(10) {
            granted += u64::from(rate.take(now_us));
        }
        assert!((SIGNATURES_SECOND_MAX..=SIGNATURES_SECOND_MAX + SIGNATURES_BURST_MAX).contains(&granted), "{granted}");
    }

    #[test]
    fn a_burst_is_granted_at_once_and_again_after_a_silence() {
        let mut rate = Rate::default();
        for now_us in [5_000_000, 9_000_000] {
            let granted = (0..2 * SIGNATURES_BURST_MAX).filter(|_| rate.take(now_us)).count();
            assert_eq!(granted as u64, SIGNATURES_BURST_MAX);
        }
    }
}
