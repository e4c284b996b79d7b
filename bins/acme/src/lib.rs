//! fosse-acme: orders certificates of certificate authorities (RFC 8555), and responds to
//! their challenges.
//!
//! [`server`] has the descriptors and the clock. `orders` knows what is due, by `schedule`, and
//! each `order` is a future over instant-acme; what orders ask for lies on the `desk` until the
//! loop has carried it out: requests over the `authorities`' `link`s, keys and chains by start.
//! `challengers` are those who ask over HTTP for the proof that a name is ours, `handshakes` those
//! who ask by TLS; `state` is what survives.

#![forbid(unsafe_code)]

mod authorities;
pub mod challengers;
mod client;
pub mod descriptors;
mod desk;
pub mod handshakes;
pub mod known;
mod limits;
mod link;
mod order;
mod orders;
pub mod policy;
mod promise;
mod proof;
pub mod response;
mod schedule;
pub mod server;
mod startup;
pub mod state;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-acme";
