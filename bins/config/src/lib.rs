//! fosse-config: what the program may do, where others (audit, the canary) can read it.

#![forbid(unsafe_code)]

pub mod options;
pub mod plan;
pub mod policy;

/// Name in messages.
pub const PROGRAM: &str = "fosse-config";
