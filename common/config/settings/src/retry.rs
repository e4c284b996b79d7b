//! The terms on which a request goes to another server.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// The terms on which a request that one server has failed goes to another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Failures after which it does.
    pub on: RetryOn,
    /// Statuses after which it does: first and last of each range.
    pub status: Vec<(u16, u16)>,
    /// Methods of requests that may reach two servers.
    pub methods: RetryMethods,
    /// Servers that one request may reach.
    pub attempts_max: u32,
    /// Time from the arrival of a request after which it stays where it is.
    pub seconds_max: Option<Duration>,
}

/// Failures after which a request goes to another server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryOn {
    /// The server cannot be connected to.
    pub connect: bool,
    /// Its connection ends before the first byte of a response.
    pub reset: bool,
    /// That byte does not come in time.
    pub timeout: bool,
}

/// Methods of requests that may reach two servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryMethods {
    /// Those without effect.
    Safe,
    /// Those whose effect is the same when they come twice.
    #[default]
    Idempotent,
    /// All of them.
    Any,
}

impl Default for Retry {
    /// Those of a backend that says nothing of it.
    fn default() -> Self {
        Self {
            on: RetryOn { connect: true, reset: true, timeout: false },
            status: Vec::new(),
            methods: RetryMethods::default(),
            attempts_max: 2,
            seconds_max: None,
        }
    }
}

impl Retry {
    /// Those of a backend whose requests go to another server only where the first one has heard
    /// nothing of them.
    #[must_use]
    pub fn off() -> Self {
        Self { on: RetryOn { connect: true, ..RetryOn::default() }, attempts_max: 1, ..Self::default() }
    }
}
