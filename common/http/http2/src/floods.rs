//! Budgets for what costs a client nothing: a bucket each, filled by time.

use crate::error::Broken;
use crate::limits::{IDLE_FRAMES_BURST_MAX, IDLE_FRAMES_SECOND_MAX, RESETS_BURST_MAX, RESETS_SECOND_MAX};

/// The rest of one budget, in thousandths, and the time when it was last filled.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u64,
    at_ms: u64,
    burst: u32,
    second: u32,
}

impl Bucket {
    const fn full(burst: u32, second: u32) -> Self {
        Self { left: burst as u64 * 1000, at_ms: 0, burst, second }
    }

    /// Takes one. Returns whether there was one.
    #[inline]
    fn take(&mut self, now_ms: u64) -> bool {
        if self.at_ms == 0 {
            self.at_ms = now_ms;
        }
        if self.left < 1000 {
            self.fill(now_ms);
        }
        let enough = self.left >= 1000;
        if enough {
            self.left -= 1000;
        }
        enough
    }

    /// Adds what time has brought. Only done when the bucket is empty, it forgives no more than it
    /// would when done each time.
    fn fill(&mut self, now_ms: u64) {
        let gone = now_ms.max(self.at_ms) - self.at_ms;
        self.at_ms = now_ms;
        self.add(gone.min(DAY_MS) * u64::from(self.second));
    }

    fn add(&mut self, thousandths: u64) {
        self.left = (self.left + thousandths).min(u64::from(self.burst) * 1000);
    }
}

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The budgets of a connection.
#[derive(Debug)]
pub(crate) struct Floods {
    resets: Bucket,
    idle: Bucket,
}

impl Default for Floods {
    fn default() -> Self {
        Self {
            resets: Bucket::full(RESETS_BURST_MAX, RESETS_SECOND_MAX),
            idle: Bucket::full(IDLE_FRAMES_BURST_MAX, IDLE_FRAMES_SECOND_MAX),
        }
    }
}

impl Floods {
    /// Counts a stream that ends by a reset, by the client (CVE-2023-44487) or because of what the
    /// client did (CVE-2025-8671): both leave work behind that nobody waits for.
    pub(crate) fn reset(&mut self, now_ms: u64) -> Result<(), Broken> {
        if self.resets.take(now_ms) { Ok(()) } else { Err(Broken::calm("too many streams were reset")) }
    }

    /// Counts a frame that brings nothing.
    #[inline]
    pub(crate) fn idle_frame(&mut self, now_ms: u64) -> Result<(), Broken> {
        if self.idle.take(now_ms) { Ok(()) } else { Err(Broken::calm("too many frames that bring nothing")) }
    }

    /// Counts bytes of data that are of use, of either side. They pay for the frames that
    /// acknowledge them: one of the stream and one of the connection, and of clients that read in
    /// small pieces two for each of those.
    #[inline]
    pub(crate) fn data(&mut self, bytes: usize) {
        self.idle.add(2000 + u64::try_from(bytes).unwrap_or(0));
    }

    /// Counts a stream that has come to its end: it pays for the reset of another. Where many users
    /// share a connection, some of them always leave.
    pub(crate) fn ended(&mut self) {
        self.resets.add(1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut floods = Floods::default();
        let taken = (0..10_000).take_while(|_| floods.reset(5_000).is_ok()).count();
        assert_eq!(taken, 200);
        let later = (0..10_000).take_while(|_| floods.reset(6_000).is_ok()).count();
        assert_eq!(later, 20);
        let never_more = (0..10_000).take_while(|_| floods.reset(1 << 50).is_ok()).count();
        assert_eq!(never_more, 200);
    }

    #[test]
    fn data_pays_for_its_acknowledgements() {
        let mut floods = Floods::default();
        for _ in 0..100_000 {
            floods.data(1);
            assert!(floods.idle_frame(1).is_ok() && floods.idle_frame(1).is_ok());
        }
        assert!((0..3_000).any(|_| floods.idle_frame(1).is_err()));
    }
}
