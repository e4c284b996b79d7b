//! The scenarios, by what they show.

pub mod hostile;
pub mod integrity;
pub mod kills;
pub mod reloads;
pub mod slow;
pub mod stopped;

use std::time::Duration;

/// How much of a scenario is run.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// How long load runs.
    pub time: Duration,
    /// Or until so many requests were sent.
    pub requests_max: u64,
    /// Share of the full numbers of clients, reloads and so on, in percent.
    pub percent: usize,
    /// Seed of everything random.
    pub seed: u64,
}

impl Extent {
    /// For `cargo test`: seconds.
    #[must_use]
    pub fn short() -> Self {
        Self { time: Duration::from_secs(6), requests_max: u64::MAX, percent: 10, seed: 1 }
    }

    /// A share of a full number, at least 1.
    #[must_use]
    pub fn of(&self, full: usize) -> usize {
        (full * self.percent / 100).max(1)
    }
}
