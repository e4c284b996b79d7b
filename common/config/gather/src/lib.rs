//! fosse-gather: from names of rule files to their bytes with all that they name, and from those of
//! included files of a configuration to theirs, below fixed directories and nowhere else.

#![forbid(unsafe_code)]

mod includes;
mod pattern;
pub mod places;
mod problems;
pub mod references;
mod rules;

pub use includes::includes;
pub use problems::{PROBLEMS_SHOWN_MAX, Problems};
pub use rules::rules;
