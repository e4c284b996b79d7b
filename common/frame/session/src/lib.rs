//! fosse-session: a conversation with a filter, from the end that serves it: messages in, replies
//! out, one read and one write a turn, so that no filter waits long for another.

#![forbid(unsafe_code)]

mod replies;
mod socket;

pub use replies::Replies;
pub use socket::{Disconnect, Socket};
