//! The settings of fosse-prober.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// fosse-prober
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prober {
    /// The checks, one for each backend that has one.
    pub checks: Vec<Check>,
    /// The servers that are checked. One that two backends have checked in the same way is here
    /// once.
    pub servers: Vec<CheckedServer>,
}

/// A health check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Method of the request.
    pub method: String,
    /// Target of the request.
    pub path: String,
    /// Host of the request.
    pub host: String,
    /// Statuses of a good response: first and last of each range.
    pub status: Vec<(u16, u16)>,
    /// Text that the body of a good response holds; empty for any body.
    pub body: String,
    /// Time between checks.
    pub interval_seconds: Duration,
    /// Longest wait for the response.
    pub first_byte_seconds: Duration,
    /// Good checks in a row that bring a server back.
    pub passes_min: u32,
    /// Failed checks in a row that take a server out.
    pub failures_max: u32,
    /// PROXY protocol version sent first: 0 for none, 1 or 2.
    pub proxy_protocol: u8,
    /// Heads of responses may have bare LFs, folds, and the same Content-Length again.
    pub lenient_responses: bool,
}

/// A server that is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedServer {
    /// Name in logs.
    pub name: String,
    /// Its number in the page of results: the same in every configuration in which the same address
    /// is asked the same with the same good responses, and never 0.
    pub health_number: u64,
    /// Index of its check.
    pub check: u32,
    /// Index in connect's table of the address that is checked.
    pub address: u32,
}
