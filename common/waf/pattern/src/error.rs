//! Errors: a pattern that cannot be compiled, and a match that cost too much.

use std::fmt;

/// A pattern that cannot be compiled: where in it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// Byte offset into the pattern; 0 where the pattern as a whole is at fault.
    pub offset: usize,
    /// The cause, as text for a person.
    pub reason: String,
}

impl CompileError {
    pub(crate) fn new(offset: usize, reason: impl Into<String>) -> Self {
        Self { offset, reason: reason.into() }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {} of the pattern)", self.reason, self.offset)
    }
}

impl std::error::Error for CompileError {}

/// A backtracking pattern used up its steps on this value, so that neither "matches" nor "does not
/// match" is known. Patterns without lookaround and back-references never return this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimit;

impl fmt::Display for StepLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the pattern needs more backtracking steps than allowed")
    }
}

impl std::error::Error for StepLimit {}
