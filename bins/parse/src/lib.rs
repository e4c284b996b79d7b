//! The parts of fosse-parse. `conn`, `inbound` and `outbound` are the protocol, without I/O; what
//! every front does is fosse-front. `socket` is the descriptor around it; `server` joins them.
#![forbid(unsafe_code)]

mod client;
pub mod conn;
mod error_response;
mod frames;
mod inbound;
mod inspected;
mod limit;
pub mod limits;
mod message;
mod outbound;
pub mod policy;
mod response_fields;
pub mod server;
mod shutdown;
mod socket;
pub mod startup;
pub mod stdin;
mod table;
mod timeouts;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-parse";
