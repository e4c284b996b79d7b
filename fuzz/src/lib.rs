//! fosse-fuzz: a mutating fuzzer for stable Rust, in process, guided by branch counters where it was built with them.

#![forbid(unsafe_code)]

pub mod corpus;
pub mod guide;
pub mod inside;
pub mod mutate;
pub mod options;
pub mod parent;
pub mod random;
pub mod seeds;
pub mod slowest;
pub mod target;
pub mod targets;

/// The program's name, as in its messages.
pub const PROGRAM: &str = "fosse-fuzz";
