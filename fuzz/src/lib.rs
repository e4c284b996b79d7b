//! fosse-fuzz: every fuzz target of the suite, and what its inputs begin with. libFuzzer drives
//! them (fuzz.sh).

#![forbid(unsafe_code)]

pub mod seeds;
pub mod target;
pub mod targets;
