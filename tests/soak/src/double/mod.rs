//! Neighbours played by the test: a stage runs as it does in an edge, locked down, and what stands
//! at its other descriptors is under an attacker's control.

pub mod hostile_dispatch;
pub mod hostile_parse;
pub mod recorder;
pub mod script;

use std::os::fd::OwnedFd;

use fosse_harness::{Stage, programs};
use serde::Serialize;

/// Runs a program of the edge with these settings and descriptors.
///
/// # Panics
/// Where it cannot be run.
#[must_use]
pub fn run(program: &str, settings: &impl Serialize, fds: Vec<(u8, OwnedFd)>) -> Stage {
    let blob = fosse_wire::blob::encode(settings).unwrap();
    Stage::spawn(&programs().join(format!("fosse-{program}")), Some(&blob), fds, "")
}
