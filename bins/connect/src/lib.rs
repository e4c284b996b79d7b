//! fosse-connect: connects to entry N of its table and passes the connected socket on; a request is
//! one number.

#![forbid(unsafe_code)]

mod attempt;
pub mod descriptors;
mod named;
pub mod policy;
mod replies;
pub mod server;
