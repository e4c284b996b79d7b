//! The parts of fosse-parse. `conn`, `inbound` and `outbound` are the protocol, without I/O;
//! `socket` and the three channels are the descriptors around it; `server` joins them.
#![forbid(unsafe_code)]

mod accept_channel;
mod access;
mod buffers;
mod charge;
mod checks;
mod client;
pub mod conn;
pub mod context;
mod credit;
mod drain;
mod encoded;
mod error_response;
mod exchange;
mod frames;
mod inbound;
mod inspect;
mod lease_channel;
mod limit;
pub mod limits;
mod origin;
mod outbound;
mod output;
mod pace;
mod paced;
mod pages;
mod peers;
pub mod policy;
mod refusal_events;
mod refused;
mod relief;
mod response_fields;
pub mod server;
pub mod settings;
mod shown;
mod shutdown;
mod slow;
mod socket;
mod sources;
pub mod startup;
pub mod stdin;
mod table;
mod terms;
mod timeouts;
mod traffic;

/// The name in messages, counters and policies.
pub const PROGRAM: &str = "fosse-parse";
