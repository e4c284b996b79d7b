//! fosse-cache: what is kept of responses, and how it comes there.

#![forbid(unsafe_code)]

mod about;
mod ask;
pub mod disk;
mod entry;
mod fill;
mod fills;
mod heads;
mod keeper;
mod led;
mod limits;
mod peer;
pub mod policy;
mod purge;
mod purges;
mod purging;
mod responses;
pub mod server;
mod shares;
mod store;
mod targets;
mod variants;
mod varied;
mod volume;
mod walk;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-cache";
