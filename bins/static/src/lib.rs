//! fosse-static: serves the files of one directory over HTTP/1.1, and nothing outside of it.

#![forbid(unsafe_code)]

pub mod conn;
pub mod encoding;
pub mod file;
pub mod glob;
pub mod limits;
mod lookup;
pub mod output;
pub mod path;
pub mod policy;
pub mod response;
pub mod server;
pub mod startup;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-static";
