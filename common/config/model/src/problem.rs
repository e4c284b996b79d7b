//! What is wrong with a configuration: where, what, and the cure if it is one step.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;

use crate::texts::Texts;

/// Byte range in the texts of the configuration, one after the other.
pub type Span = Range<usize>;

/// Problems shown at a time: a person mends a screenful at a time, and one slip can cause many.
pub const PROBLEMS_SHOWN_MAX: usize = 20;

/// Problems that are given a suggested word.
const SUGGESTIONS_COUNT_MAX: usize = 1000;

/// Characters of a source line shown with its caret; a longer line is cut around the caret.
const LINE_CHARS_MAX: usize = 100;

/// A problem at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place.
    pub span: Span,
    /// Description, without the place.
    pub what: String,
    /// One step that mends it; empty where there is no such step.
    pub cure: String,
}

/// Collects problems while the configuration is read.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Problem>,
    table_of: Option<TableOf>,
    /// Beginnings of texts that hold values of the environment.
    expanded: HashSet<usize>,
    /// Templates that sites take, each with the first of these.
    templates: Vec<TemplateUse>,
}

/// A template and a site that takes it, for problems with the template's values.
#[derive(Debug)]
struct TemplateUse {
    template: String,
    /// Beginnings of its keys and values.
    places: BTreeSet<usize>,
    site: usize,
}

/// Finds the title of the table that a key belongs to, for one that stands in another.
pub(crate) type TableOf = fn(&str) -> Option<&'static str>;

impl Problems {
    /// Makes an empty list for a file whose misplaced keys `table_of` knows.
    pub(crate) fn of_tables(table_of: TableOf) -> Self {
        Self { table_of: Some(table_of), ..Self::default() }
    }

    /// Returns the title of the table that a key belongs to, if there is one.
    pub(crate) fn table_of(&self, key: &str) -> Option<&'static str> {
        self.table_of.and_then(|find| find(key))
    }

    /// Notes a problem that has no one-step cure.
    pub fn note(&mut self, span: &Span, what: impl Into<String>) {
        self.note_with_cure(span, what, "");
    }

    /// Notes a problem together with the one step that mends it.
    pub(crate) fn note_with_cure(&mut self, span: &Span, what: impl Into<String>, cure: impl Into<String>) {
        self.found.push(Problem { span: span.clone(), what: what.into(), cure: cure.into() });
    }

    /// Returns whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Returns whether there are too many problems for another suggestion, which costs more than
    /// the problem itself.
    pub(crate) fn are_many(&self) -> bool {
        self.found.len() >= SUGGESTIONS_COUNT_MAX
    }

    /// Notes that the text at `span` holds values of the environment.
    pub(crate) fn expanded(&mut self, span: &Span) {
        self.expanded.insert(span.start);
    }

    /// Returns whether the text at `span` holds values of the environment.
    pub(crate) fn is_expanded(&self, span: &Span) -> bool {
        self.expanded.contains(&span.start)
    }

    /// Returns whether no site has taken this template yet.
    pub(crate) fn is_first_use(&self, template: &str) -> bool {
        self.templates.iter().all(|used| used.template != template)
    }

    /// Notes that the site at `site` takes a template, whose keys and values are at `spans`.
    pub(crate) fn template_used(&mut self, template: &str, spans: &[Span], site: &Span) {
        let places = spans.iter().map(|span| span.start).collect();
        self.templates.push(TemplateUse { template: template.to_owned(), places, site: site.start });
    }

    /// Returns the words after a problem at a place of a template: which one, and a site that takes
    /// it.
    fn in_template(&self, span: &Span, texts: &Texts<'_>) -> String {
        let used = self.templates.iter().find(|used| used.places.contains(&span.start));
        used.map_or_else(String::new, |used| {
            let (file, text, base) = texts.around(used.site);
            let (line, _) = line_of(text, used.site - base);
            format!(" (in template {}, which the site at {}:{line} takes)", used.template, escape(file))
        })
    }

    /// Returns the report over the texts, in their order.
    pub(crate) fn report(mut self, texts: &Texts<'_>) -> Report {
        // Several checks may find one slip, and in another order than the file's.
        self.found.sort_by(|a, b| (a.span.start, &a.what).cmp(&(b.span.start, &b.what)));
        self.found.dedup();
        let total = self.found.len();
        let shown = self.found.iter().take(PROBLEMS_SHOWN_MAX);
        let shown =
            shown.map(|problem| Located::new(problem, &self.in_template(&problem.span, texts), texts)).collect();
        Report { file: escape(texts.main_name()), total, shown }
    }
}

/// One problem with its line, ready to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file's name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Description.
    pub what: String,
    /// The one step that mends it, or empty.
    pub cure: String,
    /// The source line, control characters escaped, cut where it is long.
    source: String,
    /// Width printed before the caret, and of the caret.
    indent: usize,
    width: usize,
}

impl Located {
    fn new(problem: &Problem, of: &str, texts: &Texts<'_>) -> Self {
        let (file, text, base) = texts.around(problem.span.start);
        // The toml crate does not promise that its spans lie between characters.
        let start = text.floor_char_boundary(problem.span.start - base);
        let end = text.floor_char_boundary(problem.span.end.max(problem.span.start) - base).max(start);
        let (line, line_start) = line_of(text, start);
        let after = &text[start..];
        let line_end = after.find('\n').map_or(text.len(), |at| start + at);
        // The caret has one line: a span of several is shown to the end of its first.
        let end = end.min(line_end);
        let head = &text[line_start..start];
        let (source, indent, width) = excerpt(head, &text[start..end], &text[end..line_end]);
        Self {
            file: escape(file),
            line,
            column: head.chars().count() + 1,
            what: format!("{}{of}", problem.what),
            cure: problem.cure.clone(),
            source,
            indent,
            width,
        }
    }
}

/// Returns file and line of a place, for messages of who reads what it names: `fosse.toml:12`.
pub(crate) fn place_of(span: &Span, texts: &Texts<'_>) -> String {
    let (file, text, base) = texts.around(span.start);
    format!("{}:{}", escape(file), line_of(text, span.start - base).0)
}

/// Returns the number of the line, from 1, in which `at` lies, and where that line begins.
fn line_of(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    (before.matches('\n').count() + 1, before.rfind('\n').map_or(0, |at| at + 1))
}

/// Returns the line around the underlined part: its text, the width before the caret and the width
/// of the caret.
fn excerpt(head: &str, underlined: &str, tail: &str) -> (String, usize, usize) {
    let underlined: String = escape(underlined).chars().take(LINE_CHARS_MAX).collect();
    let room = LINE_CHARS_MAX - underlined.chars().count();
    let head = escape(head);
    // A head that is longer than its room loses its beginning; a shorter one loses nothing.
    let skipped = head.chars().count().saturating_sub(room);
    let head: String = head.chars().skip(skipped).collect();
    let left = room - head.chars().count();
    let tail: String = escape(tail).chars().take(left).collect();
    let width = underlined.chars().count().max(1);
    (format!("{head}{underlined}{}", tail.trim_end()), head.chars().count(), width)
}

/// Replaces a tab by one space and other control characters by escapes: the caret stays under its
/// text, and a configuration cannot command the terminal of who checks it.
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

/// All problems of a configuration; `Display` gives the lines for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Name of the file that a person named.
    file: String,
    total: usize,
    shown: Vec<Located>,
}

impl Report {
    /// Returns a report of one problem that concerns the file as a whole.
    pub(crate) fn whole_file(file: &str, what: &str) -> Self {
        let mut problems = Problems::default();
        problems.note(&(0..0), what);
        problems.report(&Texts::one(file, ""))
    }

    /// Returns the problems, in the order of the file, at most [`PROBLEMS_SHOWN_MAX`].
    pub fn problems(&self) -> &[Located] {
        &self.shown
    }

    /// Returns the number of problems, shown or not.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Returns one line per problem: `file:line:column: what; cure`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.shown.iter().map(|one| {
            let cure = if one.cure.is_empty() { String::new() } else { format!("; {}", one.cure) };
            format!("{}:{}:{}: {}{cure}", one.file, one.line, one.column, escape(&one.what))
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
        match self.total - self.shown.len() {
            0 => Ok(()),
            1 => writeln!(out, "{}: and 1 more problem", self.file),
            more => writeln!(out, "{}: and {more} more problems", self.file),
        }
    }
}
