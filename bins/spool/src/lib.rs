//! fosse-spool's parts: the file and the places of bodies in it, the filters that use them, and the
//! server around both.
//!
//! `extents` decides where bodies lie and which has to go, and touches no file; `file` does, and is
//! the only part that waits for the disk.

#![forbid(unsafe_code)]

mod extents;
pub mod file;
pub mod filter;
pub mod limits;
pub mod policy;
pub mod server;
pub mod spool;

/// The name in messages.
pub(crate) const PROGRAM: &str = "fosse-spool";
