//! The parts of fosse-parse. `conn`, `inbound` and `outbound` are the protocol, without I/O; `serve`, `client`, `neighbours` and `farewell` are
//! the sockets around it.
#![forbid(unsafe_code)]

pub mod access;
pub mod answer;
pub mod birth;
pub mod client;
pub mod clock;
pub mod conn;
pub mod exchange;
pub mod farewell;
pub mod inbound;
pub mod lane;
pub mod limits;
pub mod neighbours;
pub mod origin;
pub mod outbound;
pub mod policy;
pub mod serve;
pub mod settings;
pub mod stdin;
pub mod table;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-parse";
