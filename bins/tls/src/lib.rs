//! fosse-tls: ends TLS in front of a lane.
//!
//! A [`server`] has the turns. A client goes from `opening` (PROXY header, first message) over the
//! `queue` of those that wait for a handshake to a session of records, then `moving`
//! carries its records. `keys` signs and `certificates` says with what, `terms` has what sites ask
//! of a handshake, `set` has all three of a set of certificates, `fronts` are those who get the
//! plaintext.

#![forbid(unsafe_code)]

mod certificates;
mod challenges;
mod client;
pub mod client_certificate;
mod front;
mod fronts;
mod handshakes;
mod keys;
mod limit;
mod limits;
mod moving;
mod opening;
pub mod policy;
mod queue;
mod refusal;
mod relief;
pub mod server;
mod set;
mod shutdown;
mod sources;
mod terms;
mod tickets;

pub use limits::HANDSHAKES_SOURCE_MAX;

/// The name in messages and policies.
const PROGRAM: &str = "fosse-tls";
