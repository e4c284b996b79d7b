//! Problems of the files, for people: all of them, up to a screenful.

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
        self.total += 1;
        if self.lines.len() < PROBLEMS_SHOWN_MAX {
            self.lines.push(plain(&line.to_string()));
        }
    }

    /// Notes a problem at an offset of a file, with the line and a caret.
    pub fn note_at(&mut self, file: &str, bytes: &[u8], offset: usize, what: impl fmt::Display) {
        let offset = offset.min(bytes.len());
        let (before, after) = bytes.split_at(offset);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = offset - start + 1;
        let end = after.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| offset + at);
        // The caret stays under its place: every byte is shown as one character, and a long line
        // from a place shortly before.
        let skipped = (offset - start).saturating_sub(LINE_CHARS_MAX / 2);
        let shown = &bytes[start + skipped..end];
        let source: String = shown.iter().take(LINE_CHARS_MAX).map(|byte| character(*byte)).collect();
        let caret = offset - start - skipped;
        let gutter = line.to_string().len();
        self.note(format_args!("{file}:{line}:{column}: {what}"));
        if let Some(last) = self.lines.last_mut()
            && self.total <= PROBLEMS_SHOWN_MAX
        {
            last.push_str(&format!("\n {line} | {source}\n {:gutter$} | {:caret$}^", "", ""));
        }
    }

    /// Returns the problems, each with the line of its file; no more than [`PROBLEMS_SHOWN_MAX`].
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Returns whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Returns the number of problems, shown or not.
    pub fn total(&self) -> usize {
        self.total
    }
}

fn character(byte: u8) -> char {
    if byte.is_ascii_graphic() { char::from(byte) } else { ' ' }
}

/// Replaces control characters: file names come from outside, and must not command a terminal.
fn plain(line: &str) -> String {
    line.chars().map(|one| if one.is_control() { '?' } else { one }).collect()
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        match self.total - self.lines.len() {
            0 => Ok(()),
            more => writeln!(out, "and {more} more"),
        }
    }
}
