//! fosse-waf-filter: judges requests between parse and dispatch: frames in, frames or verdicts out.

#![forbid(unsafe_code)]

mod answer;
pub mod audit;
mod back;
pub mod case;
pub mod checks;
mod conversation;
pub mod encoding;
pub mod held;
pub mod judge;
mod kept;
#[cfg(test)]
mod lies;
pub mod limits;
pub mod link;
pub mod policy;
pub mod report;
pub mod rules;
pub mod secrets;
pub mod serve;
pub mod template;
mod trial;
mod watch;

/// Name in messages.
pub const PROGRAM: &str = "fosse-waf-filter";
