//! The scenarios, by what they show.

pub mod everything;
pub mod hostile;
pub mod integrity;
pub mod kills;
pub mod reloads;
pub mod slow;
pub mod stopped;

use std::{
    thread,
    time::{Duration, Instant},
};

use fosse_harness::Edge;

use crate::backend::Backend;

/// The time between two deeds, however long one takes.
#[derive(Debug)]
struct Pace {
    every: Duration,
    next: Instant,
}

impl Pace {
    fn new(every: Duration) -> Self {
        Self { every, next: Instant::now() + every }
    }

    /// Waits for the time of the next one.
    fn wait(&mut self) {
        thread::sleep(self.next.saturating_duration_since(Instant::now()));
        self.next = Instant::now() + self.every;
    }
}

/// How much of a scenario is run.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// The program fosse-soak: some parts of a scenario are processes of their own.
    pub program: &'static str,
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
    pub const fn short(program: &'static str) -> Self {
        Self { program, time: Duration::from_secs(6), requests_max: u64::MAX, percent: 10, seed: 1 }
    }

    /// Starts the backend of that name of an edge, at NAME.sock in its directory.
    #[must_use]
    pub fn backend(&self, edge: &Edge, name: &str) -> Backend {
        Backend::start(self.program, &edge.dir().join(&format!("{name}.sock")), name)
    }

    /// A share of a full number, at least 1.
    #[must_use]
    pub fn of(&self, full: usize) -> usize {
        (full * self.percent / 100).max(1)
    }
}
