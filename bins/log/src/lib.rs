//! fosse-log: writes the lines of all programs, distinguished by the pipe they come by, never by
//! what they say.

#![forbid(unsafe_code)]

pub mod line;
mod outputs;
pub mod policy;
pub mod server;

/// The name in lines of its own.
const PROGRAM: &str = "fosse-log";
