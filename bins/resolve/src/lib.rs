//! fosse-resolve: asks name servers for the addresses of backend servers that have names, and
//! writes them into a page that every lane reads.
//!
//! `names` decides what a name has and when it is asked for again, `attempt` is one question with
//! its socket, `slots` which of its addresses are used, [`files`] reads /etc/resolv.conf and
//! /etc/hosts, [`server`] has the clock and the descriptors.

#![forbid(unsafe_code)]

mod attempt;
pub mod files;
mod followed;
mod limits;
mod names;
pub mod policy;
pub mod server;
mod slots;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-resolve";
