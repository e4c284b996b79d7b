//! The limit that runs for one wait.

use core::time::Duration;

use crate::Deadlines;

/// The end of a wait on the clock of the event loop, in milliseconds, and the limit that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Deadline<K> {
    kind: K,
    at_ms: u64,
}

/// The limit of one owner, of which one runs at a time, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer<K>(Option<Deadline<K>>);

impl<K> Default for Timer<K> {
    /// Returns one that does not run.
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Copy> Timer<K> {
    /// Starts a limit in place of the one that runs. `owner` is the number of the slot that the
    /// timer is found by.
    #[inline]
    pub fn start(&mut self, deadlines: &mut Deadlines, owner: u32, kind: K, at_ms: u64) {
        self.0 = Some(Deadline { kind, at_ms });
        deadlines.look_by(owner, at_ms);
    }

    /// Stops the limit that runs.
    pub const fn stop(&mut self) {
        self.0 = None;
    }

    /// Returns the limit that runs.
    #[must_use]
    pub fn kind(&self) -> Option<K> {
        self.0.map(|deadline| deadline.kind)
    }

    /// Returns the end of the limit that runs, in milliseconds.
    #[must_use]
    pub fn at_ms(&self) -> Option<u64> {
        self.0.map(|deadline| deadline.at_ms)
    }

    /// Stops the limit that runs and returns it, where its time is over; what ended another wait
    /// in this turn may have started this one again.
    pub fn take_due(&mut self, now_ms: u64) -> Option<K> {
        self.0.take_if(|deadline| deadline.at_ms <= now_ms).map(|deadline| deadline.kind)
    }
}

/// Returns the end of a limit of that time that starts at `now_ms`, in milliseconds.
#[must_use]
pub const fn after(now_ms: u64, time: Duration) -> u64 {
    // as_millis counts in 128 bits, which is several times the work: this is done a few times a
    // request.
    now_ms.saturating_add(time.as_secs().saturating_mul(1000)).saturating_add(time.subsec_millis() as u64)
}
