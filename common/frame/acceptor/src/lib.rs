//! fosse-acceptor: the conversation with fosse-accept, from the end that has the clients: a front,
//! or fosse-tls before it. Connections come and are listed, and accept hears of the end of each.
//!
//! What accept judges the peers of sockets by comes here too, for the clients that trusted proxies
//! name: they are known to this end alone.

#![forbid(unsafe_code)]

mod channel;
mod grounds;

pub use channel::{AcceptChannel, FromAccept, report_lost};
pub use grounds::Grounds;
