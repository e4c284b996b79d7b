//! A number of bytes a second, in the time that bytes take.

use crate::limits::{PACE_BURSTS_A_SECOND, PACE_BYTES_MIN};

const SECOND_NS: u64 = 1_000_000_000;

/// A rate above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(u64);

impl Rate {
    /// Returns the rate of this number of bytes a second; `None` for 0, which is no limit.
    pub(crate) fn of(bytes_per_second: u64) -> Option<Self> {
        (bytes_per_second > 0).then_some(Self(bytes_per_second))
    }

    /// Returns the time that bytes take, in nanoseconds.
    pub(crate) fn cost_ns(self, bytes: usize) -> u64 {
        let ns = u128::from(u64::try_from(bytes).unwrap_or(u64::MAX)) * u128::from(SECOND_NS);
        u64::try_from(ns.div_ceil(u128::from(self.0))).unwrap_or(u64::MAX)
    }

    /// Returns the bytes that take no more than this time.
    fn bytes_of(self, ns: u64) -> usize {
        usize::try_from(u128::from(ns) * u128::from(self.0) / u128::from(SECOND_NS)).unwrap_or(usize::MAX)
    }

    /// Returns the time that may be saved while nothing is sent: that of one piece, or of a part of
    /// a second.
    fn burst_ns(self) -> u64 {
        self.cost_ns(PACE_BYTES_MIN).max(SECOND_NS / PACE_BURSTS_A_SECOND)
    }

    /// Returns how much of `wanted` bytes may be sent, where what was sent before is paid for at
    /// `paid_until_ns`: a piece of them at least, or none.
    ///
    /// # Errors
    /// The nanoseconds until there is room for one.
    pub(crate) fn room(self, wanted: usize, paid_until_ns: u64, now_ns: u64) -> Result<usize, u64> {
        let owed_ns = paid_until_ns.max(now_ns) - now_ns;
        let piece_ns = self.cost_ns(wanted.min(PACE_BYTES_MIN));
        let saved_ns = self.burst_ns().max(owed_ns) - owed_ns;
        if saved_ns < piece_ns {
            return Err(piece_ns - saved_ns);
        }
        Ok(self.bytes_of(saved_ns).clamp(wanted.min(PACE_BYTES_MIN), wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as much as may be sent, whenever there is room, for so long. Returns the bytes.
    fn sent(rate: Rate, us: u64, wanted: usize) -> usize {
        let (mut now_ns, mut paid_ns, mut sent) = (0, 0, 0);
        while now_ns < us {
            match rate.room(wanted, paid_ns, now_ns) {
                Ok(bytes) => {
                    sent += bytes;
                    paid_ns = paid_ns.max(now_ns) + rate.cost_ns(bytes);
                }
                Err(wait_ns) => now_ns += wait_ns,
            }
        }
        sent
    }

    #[test]
    fn any_time_has_its_part_of_the_rate_and_what_may_be_saved() {
        for (bytes, seconds) in [(1024, 600), (8192, 60), (100_000, 60), (12_345_678, 1), (1 << 34, 1)] {
            let rate = Rate::of(bytes).unwrap();
            for wanted in [1, 100, PACE_BYTES_MIN, 40_960] {
                // Small pieces of a fast rate take no more than the few nanoseconds that they are
                // counted in, and would make this slow.
                if wanted * 1000 < usize::try_from(bytes).unwrap() / 1000 {
                    continue;
                }
                let (sent, all) = (sent(rate, seconds * SECOND_NS, wanted) as f64, (seconds * bytes) as f64);
                let saved = rate.bytes_of(rate.burst_ns()) as f64 + wanted as f64;
                assert!(sent <= all + saved && sent > all * 0.99 - saved, "{bytes} {wanted}: {sent} of {all}");
            }
        }
    }

    #[test]
    fn what_is_saved_in_an_hour_is_no_more_than_what_is_saved_in_a_burst() {
        let rate = Rate::of(100_000).unwrap();
        let most = rate.room(usize::MAX, 0, 3600 * SECOND_NS).unwrap();
        assert_eq!((most, rate.room(usize::MAX, 0, rate.burst_ns())), (PACE_BYTES_MIN, Ok(most)));
        assert_eq!(Rate::of(16_000_000).unwrap().room(usize::MAX, 0, SECOND_NS), Ok(1_000_000));
        assert_eq!(Rate::of(0), None);
    }

    #[test]
    fn a_piece_is_sent_whole_or_waits() {
        let rate = Rate::of(1024).unwrap();
        assert_eq!(rate.room(40_960, 0, 0), Ok(PACE_BYTES_MIN));
        let owed_ns = rate.cost_ns(PACE_BYTES_MIN);
        assert_eq!(rate.room(40_960, owed_ns, 1), Err(owed_ns - 1));
        assert_eq!(rate.room(100, owed_ns, 1), Err(rate.cost_ns(100) - 1));
        assert_eq!(rate.room(100, owed_ns, owed_ns - 1), Ok(100));
        assert_eq!(rate.room(40_960, owed_ns, owed_ns), Ok(PACE_BYTES_MIN));
    }
}
