//! fosse-static: serves the files of one directory over HTTP/1.1, and nothing outside of it.

#![forbid(unsafe_code)]

pub mod condition;
pub mod conn;
pub mod file;
pub mod limits;
pub mod output;
pub mod place;
pub mod policy;
pub mod range;
pub mod response;
pub mod server;
pub mod startup;
pub mod types;

/// The program's name, as in its messages.
pub const PROGRAM: &str = "fosse-static";
