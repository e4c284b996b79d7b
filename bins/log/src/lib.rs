//! fosse-log: writes the lines of all programs, told apart by the pipe they come by, never by what they say.

#![forbid(unsafe_code)]

pub mod line;
pub mod policy;
pub mod serve;
