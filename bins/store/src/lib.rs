//! fosse-store's parts: the records, the filters that ask for them, and the loop.

#![forbid(unsafe_code)]

pub mod filter;
pub mod keeper;
pub mod limits;
pub mod policy;
pub mod serve;

/// The name in messages.
pub const PROGRAM: &str = "fosse-store";
