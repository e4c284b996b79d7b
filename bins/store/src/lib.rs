//! fosse-store's parts: the records, the filters that use them, and the server around both.

#![forbid(unsafe_code)]

pub mod filter;
pub mod limits;
pub mod policy;
pub mod records;
pub mod server;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-store";
