//! The parts of fosse-parse-h2. The protocol is fosse-http2, what every front does fosse-front;
//! `client` is a connection of the one with the streams of the other, `slots` whose stream is
//! where, `server` joins them.
#![forbid(unsafe_code)]

mod client;
mod clients;
mod flush;
mod inbound;
mod inspected;
mod leaving;
mod limit;
mod limits;
mod local;
mod outbound;
mod paced;
pub mod policy;
pub mod server;
mod shutdown;
mod slots;
mod socket;
mod sweep;
mod switch;
mod window;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-parse-h2";
