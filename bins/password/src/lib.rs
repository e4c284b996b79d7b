//! fosse-password's parts: the users, the attempts that wait, the dispatches that ask, and the
//! server around them.

#![forbid(unsafe_code)]

pub mod asker;
pub mod attempts;
pub mod limits;
pub mod policy;
pub mod server;
pub mod users;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-password";
