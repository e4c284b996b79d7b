//! One file's table with its places among those of all files, and the environment's values in its
//! texts.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use crate::CONFIGURATION_BYTES_MAX;
use crate::problem::{Problems, Span};

/// Bytes of all texts with values of the environment, once these are in them: as many as a
/// configuration may have.
const EXPANDED_BYTES_MAX: usize = CONFIGURATION_BYTES_MAX;

/// The walk through the tables of all files.
pub(super) struct Rewrite<'w> {
    environment: &'w Environment,
    problems: &'w mut Problems,
    bytes_left: usize,
}

impl<'w> Rewrite<'w> {
    pub(super) fn new(environment: &'w Environment, problems: &'w mut Problems) -> Self {
        Self { environment, problems, bytes_left: EXPANDED_BYTES_MAX }
    }

    /// Returns the table of a file whose first byte is at `base`.
    pub(super) fn file<'i>(&mut self, table: DeTable<'i>, text: &str, base: usize) -> DeTable<'i> {
        // The usual file needs neither, and 10,000 sites take a while to walk through.
        if base == 0 && !text.contains("${") { table } else { self.table(table, base) }
    }

    fn table<'i>(&mut self, table: DeTable<'i>, base: usize) -> DeTable<'i> {
        let entries = table.into_iter().map(|(key, value)| {
            let span = shifted(key.span(), base);
            (Spanned::new(span, key.into_inner()), self.value(value, base))
        });
        entries.collect()
    }

    fn value<'i>(&mut self, value: Spanned<DeValue<'i>>, base: usize) -> Spanned<DeValue<'i>> {
        let span = shifted(value.span(), base);
        let inner = match value.into_inner() {
            DeValue::Table(table) => DeValue::Table(self.table(table, base)),
            DeValue::Array(array) => DeValue::Array(array.into_iter().map(|entry| self.value(entry, base)).collect()),
            DeValue::String(text) => DeValue::String(self.text(text, &span)),
            other => other,
        };
        Spanned::new(span, inner)
    }

    /// Returns a text with the environment's values; one that cannot have them is noted.
    fn text<'i>(&mut self, text: Cow<'i, str>, span: &Span) -> Cow<'i, str> {
        match self.environment.expand(&text, self.bytes_left) {
            Ok(None) => text,
            Ok(Some(expanded)) => {
                self.bytes_left -= expanded.len();
                self.problems.expanded(span);
                Cow::Owned(expanded)
            }
            Err(why) => {
                self.problems.note_with_cure(span, why.what, why.cure);
                text
            }
        }
    }
}

fn shifted(span: Span, base: usize) -> Span {
    span.start + base..span.end + base
}
