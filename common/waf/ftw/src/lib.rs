//! Regression tests of rule sets, in the YAML format of go-ftw: read, turned into the request bytes
//! go-ftw would send, run through the engine in this process, and judged.
//!
//! No I/O: files are given as text, results come back as values. What a test needs of a server
//! around the engine (a request parser that refuses what is no HTTP, a backend that reflects) is
//! imitated as far as the tests look at it.
#![forbid(unsafe_code)]

mod backend;
mod check;
mod file;
mod log;
mod overrides;
mod request;
mod run;
mod wire;

pub use backend::{Reply, reflect};
pub use check::{Failure, Observation, check};
pub use file::{Expectation, Input, Stage, Test, read};
pub use log::{native, rule_ids};
pub use overrides::{Override, apply, read_overrides};
pub use request::build;
pub use run::{Runner, Score, TestResult};
pub use wire::{Parsed, parse};
