//! fosse-prober: asks the servers of backends for their health, and writes what it finds into a
//! page that every lane reads.
//!
//! [`response`] judges what came back, `check` is one check with its connection, `servers` counts
//! the results, [`server`] has the clock and the descriptors.

#![forbid(unsafe_code)]

mod check;
mod limits;
pub mod policy;
pub mod response;
pub mod server;
mod servers;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-prober";
