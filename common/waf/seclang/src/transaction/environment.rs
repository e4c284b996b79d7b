//! The surroundings of a phase: scratch memory, schedule and store.

use super::values::Made;
use crate::store::Store;
use fosse_pattern::{CandidateBits, Captures};

/// Permission for a transaction to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Schedule {
    /// Go on.
    Go,
    /// Others are waiting: yield.
    Yield,
    /// The budget of this transaction is spent: give up.
    Exhausted,
}

/// Working memory for matching: one per process, used by all its transactions in turn.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) patterns: fosse_pattern::Scratch,
    pub(super) bits: CandidateBits,
    pub(super) groups: Captures,
    pub(super) distinct: Vec<(Made, u64)>,
}

/// The values that the caller lends a phase while it runs.
pub struct Environment<'e> {
    /// The process's working memory.
    pub scratch: &'e mut Scratch,
    /// Asked every few microseconds of work.
    pub schedule: &'e mut dyn FnMut() -> Schedule,
    /// The store of persistent collections.
    pub store: &'e mut dyn Store,
}
