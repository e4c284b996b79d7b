//! Errors in rule files, with their location.

use std::fmt;
use std::sync::Arc;

/// A place in a rule file. Lines and columns count from 1, columns in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// The file's name in the bundle.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One error in a rule file: where, what is there and what was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// Its location.
    pub location: Location,
    /// The error, and what was expected.
    pub message: String,
    /// The line it is on, without its end.
    pub excerpt: String,
}

impl fmt::Display for Diagnostic {
    /// Writes `file:line:column: message`, then the line and a caret (long lines are cut to what is
    /// around the caret).
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Saturates: who makes a location of another program's may count from 0.
        let at = crate::arena::widen(self.location.column).saturating_sub(1);
        let from = at.saturating_sub(EXCERPT_BYTES_BEFORE);
        let shown: String = self
            .excerpt
            .bytes()
            .skip(from)
            .take(EXCERPT_BYTES_MAX)
            .map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' })
            .collect();
        let indent = " ".repeat(at - from);
        write!(out, "{}: {}\n  {}\n  {indent}^", self.location, self.message, shown.trim_end())
    }
}

/// Bytes of a line shown before the caret: enough to recognise the place.
const EXCERPT_BYTES_BEFORE: usize = 60;

/// Bytes of a line shown in all: one terminal line.
const EXCERPT_BYTES_MAX: usize = 110;

impl std::error::Error for Diagnostic {}
