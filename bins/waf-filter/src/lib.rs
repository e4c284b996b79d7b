//! fosse-waf-filter: judges requests between parse and dispatch: frames in, frames or verdicts out.

#![forbid(unsafe_code)]

pub mod checks;
pub mod held;
pub mod judge;
pub mod policy;
pub mod serve;
