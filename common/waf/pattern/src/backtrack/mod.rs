//! The backtracking engine, for what is not regular: lookaround, back-references, atomic groups
//! that matter. Bounded by steps.

mod program;
mod run;

pub(crate) use program::Backtracker;
