//! The sections of a configuration and their lines.

use super::words::words;
use crate::Mistake;
use crate::limits::TEXT_BYTES_MAX;
use crate::notes::{Notes, Place};

/// A line of a section.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub words: Vec<String>,
    pub place: Place,
}

impl Line {
    /// Returns its words.
    pub(super) fn all(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Notes that it is not carried over.
    pub(super) fn left_out(&self, why: &str, notes: &mut Notes) {
        notes.left_out(self.place, &self.words.join(" "), why);
    }
}

/// A section: the line that begins it, and the others.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub head: Line,
    pub lines: Vec<Line>,
}

impl Section {
    /// Returns its kind: "frontend".
    pub(super) fn kind(&self) -> &str {
        self.head.words.first().map_or("", String::as_str)
    }

    /// Returns whether it is one of plain TCP; `by_default` is what the last `defaults` has.
    pub(super) fn is_tcp(&self, by_default: &mut bool) -> bool {
        let mut modes = self.lines.iter().filter(|line| line.words.first().is_some_and(|word| word == "mode"));
        let own = modes.next_back().and_then(|line| line.words.get(1)).map(|mode| mode == "tcp");
        match self.kind() {
            "defaults" => {
                *by_default = own.unwrap_or(false);
                false
            }
            "frontend" | "backend" | "listen" => own.unwrap_or(*by_default),
            _ => false,
        }
    }

    /// Returns its name.
    pub(super) fn name(&self) -> &str {
        self.head.words.get(1).map_or("", String::as_str)
    }
}

/// Words that begin a section (HAProxy's Configuration Manual, 2.1 and 3 to 4).
const SECTIONS: &[&str] = &[
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "userlist",
    "peers",
    "mailers",
    "resolvers",
    "cache",
    "program",
    "http-errors",
    "ring",
    "log-forward",
    "fcgi-app",
    "crt-list",
    "crt-store",
    "traces",
    "acme",
];

/// Returns the sections of a text.
///
/// # Errors
/// The first line that is not in HAProxy's language.
pub(super) fn sections(name: &str, text: &str, notes: &mut Notes) -> Result<Vec<Section>, Mistake> {
    let file = notes.file(name);
    let mistake = |line: usize, what: &str| Mistake { file: name.to_owned(), line, what: what.to_owned() };
    if text.len() > TEXT_BYTES_MAX {
        return Err(mistake(1, "too many bytes"));
    }
    let mut all: Vec<Section> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words = words(line).map_err(|what| mistake(number, &what))?;
        let Some(first) = words.first() else { continue };
        let is_head = SECTIONS.contains(&first.as_str());
        let line = Line { words, place: Place { file, line: number } };
        match all.last_mut() {
            _ if is_head => all.push(Section { head: line, lines: Vec::new() }),
            Some(section) => section.lines.push(line),
            None => return Err(mistake(number, "a line before the first section")),
        }
    }
    Ok(all)
}
