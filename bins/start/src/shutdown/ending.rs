//! The end that was asked for.

use std::time::Duration;

use crate::generation::Generation;

/// The way in which an edge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything under way finishes.
    InOrder,
    /// The time for that is over.
    Now,
}

/// The time that whoever ends the edge gives what is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// SIGTERM, SIGINT: as long as `stop_seconds_max`.
    Stop,
    /// SIGQUIT: as long as a generation has after a reload, `drain_seconds_max`.
    Drain,
}

impl Patience {
    /// Returns the key of fosse.toml that says how long.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Stop => "stop_seconds_max",
            Self::Drain => "drain_seconds_max",
        }
    }

    pub(crate) const fn time(self, generation: &Generation) -> Duration {
        match self {
            Self::Stop => generation.plan.stop_seconds_max,
            Self::Drain => generation.plan.drain_seconds_max,
        }
    }
}

/// The end that is under way.
#[derive(Debug)]
pub(crate) struct Shutdown {
    pub patience: Patience,
    /// The time, in milliseconds of the monotonic clock, at which what is under way is given up.
    pub until_ms: u64,
    /// The way in which it ends from now on.
    pub ending: Ending,
}
