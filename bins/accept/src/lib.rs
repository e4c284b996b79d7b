//! The parts of fosse-accept. `admission`, `lanes`, `connections`, `shares` and `penalties` decide
//! and do no I/O; `refusals` says whom they refused, and `shortages` for want of what; `listeners`
//! and `lane_channels` are the sockets. `state` holds all of them, `from_start`, `from_lanes`,
//! `announce` and `delivery` work on it, and `server` calls these.

#![forbid(unsafe_code)]

mod admission;
mod announce;
mod connections;
mod delivery;
mod from_lanes;
mod from_start;
mod lane_channels;
mod lanes;
pub mod limits;
mod listeners;
mod penalties;
pub mod policy;
mod refusals;
pub mod server;
mod shares;
mod shortages;
mod state;
mod way;

/// The name in messages and policies.
const PROGRAM: &str = "fosse-accept";
