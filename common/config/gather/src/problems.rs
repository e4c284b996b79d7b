//! What is wrong with the files, as people are told: all of it, up to a screenful.

use std::fmt;

/// Lines shown; one missing directory can cause hundreds.
pub const PROBLEMS_SHOWN_MAX: usize = 20;

/// Characters of a source line shown with its caret.
const LINE_CHARS_MAX: usize = 100;

/// Lines about what is wrong, in the order in which it was found.
#[derive(Debug, Default)]
pub struct Problems {
    lines: Vec<String>,
    total: usize,
}

impl Problems {
    /// Notes a line that says where and what.
    pub fn note(&mut self, line: impl fmt::Display) {
        self.total = self.total.saturating_add(1);
        if self.lines.len() < PROBLEMS_SHOWN_MAX {
            self.lines.push(plain(&line.to_string()));
        }
    }

    /// Notes what is wrong at an offset of a file, with the line and a caret.
    pub fn note_at(&mut self, file: &str, bytes: &[u8], offset: usize, what: impl fmt::Display) {
        let before = bytes.get(..offset).unwrap_or(bytes);
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        let column = offset.saturating_sub(start).saturating_add(1);
        let end = bytes
            .iter()
            .skip(offset)
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |at| offset.saturating_add(at));
        // The caret stays under its place: every byte is shown as one character, and a long line
        // from a place shortly before.
        let skipped = offset.saturating_sub(start).saturating_sub(LINE_CHARS_MAX.saturating_div(2));
        let shown = bytes.get(start.saturating_add(skipped)..end).unwrap_or_default();
        let source: String = shown.iter().take(LINE_CHARS_MAX).map(|byte| character(*byte)).collect();
        let caret = offset.saturating_sub(start).saturating_sub(skipped);
        let gutter = line.to_string().len();
        self.note(format_args!("{file}:{line}:{column}: {what}"));
        if let Some(last) = self.lines.last_mut()
            && self.total <= PROBLEMS_SHOWN_MAX
        {
            last.push_str(&format!("\n {line} | {source}\n {:gutter$} | {:caret$}^", "", ""));
        }
    }

    /// What was noted, each with the line of its file; no more than [`PROBLEMS_SHOWN_MAX`].
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// True when nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many were noted.
    pub fn total(&self) -> usize {
        self.total
    }
}

fn character(byte: u8) -> char {
    if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }
}

/// File names come from outside: nothing in them reaches the terminal.
fn plain(line: &str) -> String {
    line.chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        match self.total.saturating_sub(self.lines.len()) {
            0 => Ok(()),
            more => writeln!(out, "and {more} more"),
        }
    }
}
