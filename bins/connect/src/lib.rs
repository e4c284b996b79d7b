//! fosse-connect: connects to entry N of its table and passes the connected socket on; a request is
//! one number.

#![forbid(unsafe_code)]

mod attempt;
mod beside;
pub mod descriptors;
mod ended;
mod named;
mod outbox;
mod pending;
pub mod policy;
pub mod server;
