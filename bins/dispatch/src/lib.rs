//! fosse-dispatch: takes request frames, speaks HTTP/1.1 to backends over pooled connections, sends
//! response frames back.
//!
//! Owners: [`upstream`] has the servers and the connections to them, and knows requests by id
//! only; [`exchange`] one request with its connection; `lane` joins the two, `joined` has what
//! becomes of them together, `questions` what is asked about a request before, `retries` who gets
//! one that a server has failed, `mirrors` the copies of those that have gone out, `slow_clients`
//! what servers wait for; `frames` and `events` find the request or the connection that an event
//! is about, once, and pass it on. Every handler takes the parts it changes, and [`context`] is
//! what all of them share.

#![forbid(unsafe_code)]

mod cache;
mod context;
pub mod descriptors;
mod encode_session;
mod events;
mod exchange;
mod fill;
mod frames;
mod joined;
mod lane;
mod limits;
mod logins;
mod lost_fronts;
mod mirrors;
mod overdue;
mod policies;
pub mod policy;
mod questions;
mod retries;
pub mod server;
mod slow_clients;
pub mod startup;
#[cfg(test)]
mod tests;
mod upstream;

pub(crate) const PROGRAM: &str = "fosse-dispatch";
