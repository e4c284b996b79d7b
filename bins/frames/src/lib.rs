//! fosse-frames: frames as text for people, as JSON lines for scripts, and back from JSON lines to
//! the same bytes.

#![forbid(unsafe_code)]

pub mod bytes;
pub mod decode;
pub mod encode;
pub mod line;
pub mod people;
pub mod policy;
pub mod run;

/// The program's name, as in its messages.
pub const PROGRAM: &str = "fosse-frames";
