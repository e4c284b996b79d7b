//! fosse-load: rule files and address lists in one piece, found below fixed directories and nowhere
//! else.

#![forbid(unsafe_code)]

pub mod bundle;
mod keys;
mod lists;
pub mod options;
pub mod policy;
mod users;

/// Name in messages.
pub const PROGRAM: &str = "fosse-load";
