//! What was not carried over, and why.

use std::fmt;

/// The reason for a line that nothing more is known of.
pub(crate) const UNKNOWN: &str = "not carried over: fosse migrate knows no key for it; see fosse.toml(5)";

/// One line of the other server's configuration that fosse.toml does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The directive as it is written, on one line.
    pub directive: String,
    /// The reason, and what to do about it.
    pub why: String,
    /// The order of the files.
    order: usize,
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.directive.chars().map(|one| if one.is_control() { '?' } else { one }).collect();
        write!(out, "{}:{}: {shown}: {}", self.file, self.line, self.why)
    }
}

/// A place in the files that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The number of the file.
    pub file: usize,
    /// Line, from 1.
    pub line: usize,
}

/// All notes of a migration.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    files: Vec<String>,
    found: Vec<Note>,
}

/// Characters of a directive that a note shows.
const SHOWN_CHARS_MAX: usize = 100;

impl Notes {
    /// Takes the name of a file; returns its number.
    pub(crate) fn file(&mut self, name: &str) -> usize {
        self.files.push(name.to_owned());
        self.files.len() - 1
    }

    /// Returns the name of a file.
    pub(crate) fn name(&self, file: usize) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }

    /// Notes that a directive was not carried over.
    pub(crate) fn left_out(&mut self, place: Place, directive: &str, why: impl Into<String>) {
        let mut shown: String = directive.chars().take(SHOWN_CHARS_MAX).collect();
        if shown.len() < directive.len() {
            shown.push_str("...");
        }
        let file = self.name(place.file).to_owned();
        self.found.push(Note { file, line: place.line, directive: shown, why: why.into(), order: place.file });
    }

    pub(crate) fn in_order(mut self) -> Vec<Note> {
        self.found.sort_by_key(|note| (note.order, note.line));
        self.found.dedup();
        self.found
    }
}
