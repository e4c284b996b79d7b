//! fosse-gather: from names of rule files to their bytes with all that they name, below fixed
//! directories and nowhere else.

#![forbid(unsafe_code)]

pub mod places;
mod problems;
pub mod references;
mod rules;

pub use problems::{PROBLEMS_SHOWN_MAX, Problems};
pub use rules::rules;
