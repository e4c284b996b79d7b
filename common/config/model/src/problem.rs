//! What is wrong with a configuration: where, what, and the cure if it is one step.

use std::fmt;
use std::ops::Range;

/// Byte range in the configuration text.
pub type Span = Range<usize>;

/// Problems shown for one file: a person mends a screenful at a time, and one slip can cause many.
pub const PROBLEMS_SHOWN_MAX: usize = 20;

/// Problems that are given a suggested word.
const SUGGESTIONS_COUNT_MAX: usize = 1000;

/// Characters of a source line shown with its caret; a longer line is cut around the caret.
const LINE_CHARS_MAX: usize = 100;

/// One thing wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it is.
    pub span: Span,
    /// What is wrong, without the place.
    pub what: String,
    /// One step that mends it; empty where there is no such step.
    pub cure: String,
}

/// Collects problems while the configuration is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Notes a problem that has no one-step cure.
    pub fn note(&mut self, span: &Span, what: impl Into<String>) {
        self.note_with_cure(span, what, "");
    }

    /// Notes a problem together with the one step that mends it.
    pub(crate) fn note_with_cure(&mut self, span: &Span, what: impl Into<String>, cure: impl Into<String>) {
        self.found.push(Problem { span: span.clone(), what: what.into(), cure: cure.into() });
    }

    /// True when nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// True when so much was noted that nobody needs another suggestion, which costs more than the
    /// problem itself.
    pub(crate) fn are_many(&self) -> bool {
        self.found.len() >= SUGGESTIONS_COUNT_MAX
    }

    /// The report over `text`, in the order of the file; `file` is the name shown to people.
    pub fn report(mut self, file: &str, text: &str) -> Report {
        self.found.sort_by(|a, b| (a.span.start, &a.what).cmp(&(b.span.start, &b.what)));
        self.found.dedup();
        let total = self.found.len();
        let shown = self.found.iter().take(PROBLEMS_SHOWN_MAX).map(|problem| Located::new(problem, text)).collect();
        Report { file: escape(file), total, shown }
    }
}

/// One problem with its line, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// The one step that mends it, or empty.
    pub cure: String,
    /// The source line, odd characters escaped and long ones cut.
    source: String,
    /// Width printed before the caret, and of the caret.
    indent: usize,
    width: usize,
}

impl Located {
    fn new(problem: &Problem, text: &str) -> Self {
        let start = floor_char(text, problem.span.start);
        let end = floor_char(text, problem.span.end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line_end =
            text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| start.saturating_add(at));
        let head = text.get(line_start..start).unwrap_or_default();
        let marked = text.get(start..end.min(line_end)).unwrap_or_default();
        let tail = text.get(end.min(line_end)..line_end).unwrap_or_default();
        let (source, indent, width) = excerpt(head, marked, tail);
        Self {
            line: before.matches('\n').count().saturating_add(1),
            column: head.chars().count().saturating_add(1),
            what: problem.what.clone(),
            cure: problem.cure.clone(),
            source,
            indent,
            width,
        }
    }
}

/// The line around the marked part: its text, the width before the caret and the width of the
/// caret.
fn excerpt(head: &str, marked: &str, tail: &str) -> (String, usize, usize) {
    let marked: String = escape(marked).chars().take(LINE_CHARS_MAX).collect();
    let room = LINE_CHARS_MAX.saturating_sub(marked.chars().count());
    let head = escape(head);
    let skipped = head.chars().count().saturating_sub(room);
    let head: String = head.chars().skip(skipped).collect();
    let left = room.saturating_sub(head.chars().count());
    let tail: String = escape(tail).chars().take(left).collect();
    let width = marked.chars().count().max(1);
    (format!("{head}{marked}{}", tail.trim_end()), head.chars().count(), width)
}

/// A tab counts as one space, other control characters are shown as escapes: the caret stays under
/// its text and a configuration cannot write to the terminal of who checks it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.trim_end_matches('\r').chars() {
        match character {
            '\t' => out.push(' '),
            plain if plain.is_control() => out.extend(plain.escape_default()),
            plain => out.push(plain),
        }
    }
    out
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    at
}

/// Everything found wrong with one file; `Display` gives the lines for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    file: String,
    total: usize,
    shown: Vec<Located>,
}

impl Report {
    /// A report of one problem that concerns the file as a whole.
    pub(crate) fn whole_file(file: &str, what: &str) -> Self {
        let mut problems = Problems::default();
        problems.note(&(0..0), what);
        problems.report(file, "")
    }

    /// The problems, in the order of the file, at most [`PROBLEMS_SHOWN_MAX`].
    pub fn problems(&self) -> &[Located] {
        &self.shown
    }

    /// How many were found, shown or not.
    pub fn total(&self) -> usize {
        self.total
    }

    /// One line per problem: `file:line:column: what; cure`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.shown.iter().map(|one| {
            let cure = if one.cure.is_empty() { String::new() } else { format!("; {}", one.cure) };
            format!("{}:{}:{}: {}{cure}", self.file, one.line, one.column, escape(&one.what))
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (one, line) in self.shown.iter().zip(self.lines()) {
            let number = one.line.to_string();
            let gutter = number.len();
            writeln!(out, "{line}")?;
            writeln!(out, " {number} | {}", one.source)?;
            writeln!(out, " {:gutter$} | {:indent$}{}", "", "", "^".repeat(one.width), indent = one.indent)?;
        }
        match self.total.saturating_sub(self.shown.len()) {
            0 => Ok(()),
            1 => writeln!(out, "{}: and 1 more problem", self.file),
            more => writeln!(out, "{}: and {more} more problems", self.file),
        }
    }
}
