//! The parts of fosse-accept. `door`, `lanes`, `connections`, `penalties` and `source` decide and do no I/O; `listeners`,
//! `channels`, `orders`, `reports` and `serve` are the sockets around them.

#![forbid(unsafe_code)]

pub mod channels;
pub mod connections;
pub mod door;
pub mod lanes;
pub mod limits;
pub mod listeners;
pub mod orders;
pub mod penalties;
pub mod policy;
pub mod reports;
pub mod serve;
pub mod source;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-accept";
