//! fosse-cache: what is kept of responses, and how it comes there.

#![forbid(unsafe_code)]

mod ask;
mod fill;
mod fills;
mod heads;
mod keeper;
mod key;
mod limits;
mod peer;
pub mod policy;
mod purge;
mod purges;
mod purging;
pub mod server;
mod shares;
mod store;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-cache";
