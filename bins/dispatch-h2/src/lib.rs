//! fosse-dispatch-h2: HTTP/2 towards servers. Exchanges of fosse-dispatch, each over a pair of
//! sockets of its own in HTTP/1.1, share the connections of their server.
//!
//! `channel` is the conversation with fosse-connect, `exchange` one pair, `connection` one server
//! connection with the streams of many, `pool` what a server has of both, `server` joins them. The
//! protocol is fosse-http2.
#![forbid(unsafe_code)]

mod channel;
mod connection;
pub mod descriptors;
mod exchange;
mod limits;
pub mod policy;
mod pool;
mod request;
mod response;
pub mod server;
mod socket;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-dispatch-h2";
