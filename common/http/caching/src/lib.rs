//! fosse-caching: what a shared cache may do with a response (RFC 9111, RFC 5861), and the form in
//! which it keeps one. No I/O and no clock.

#![forbid(unsafe_code)]

mod directives;
mod freshness;
mod record;
mod reply;

pub use directives::{DELTA_SECONDS_MAX, Directives};
pub use freshness::{Kept, NotKept, State, keep, state};
pub use record::{Stored, merge, united};
pub use reply::{Reply, can_be_confirmed, conditions, reply};
