//! fosse-keys' parts: the form of what is signed, the keys, the rate, the keys of tickets, and the
//! server around them.

#![forbid(unsafe_code)]

pub mod form;
pub mod keyring;
pub mod limits;
pub mod policy;
mod rate;
mod replies;
pub mod server;
mod tickets;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-keys";
