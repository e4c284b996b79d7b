//! fosse-load: from names of files to their bytes, below fixed directories and nowhere else.

#![forbid(unsafe_code)]

mod gather;
mod lists;
pub mod places;
pub mod policy;
pub mod references;
mod trouble;

pub use gather::rules;
pub use lists::lists;
pub use trouble::{TROUBLES_SHOWN_MAX, Troubles};

/// Name in messages.
pub const PROGRAM: &str = "fosse-load";
