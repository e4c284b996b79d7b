//! fosse-dns: one question to a name server, and the judgement of what came back (RFC 1035, RFC
//! 6891). It opens no socket and owns no clock.
//!
//! A response counts only where it has the number and, byte by byte, the question of the query,
//! letters in their random case; of its records only those count that follow from the question by
//! its chain of CNAMEs. Whatever else a server sends along is not looked at.

#![forbid(unsafe_code)]

mod name;
mod query;
mod response;

pub use name::{NAME_BYTES_MAX, Name};
pub use query::{Kind, Query, UDP_BYTES_MAX};
pub use response::{ADDRESSES_MAX, Addresses, Fault, Response, judge};
