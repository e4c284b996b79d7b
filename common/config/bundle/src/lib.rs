//! fosse-bundle: what fosse-load found in the file system, as bytes: the rule sets with all their
//! files, one compiled address list per listener, and pages.
//!
//! fosse-load writes [`Parts`] on descriptor 1. start cuts them at their lengths, without looking
//! inside, into sealed memfds: [`Part::Rules`] holds a [`Bundle`] for waf-filter,
//! [`Part::Addresses`] an image of fosse-cidr for accept, [`Part::Pages`] the [`Pages`] of parse.

#![forbid(unsafe_code)]

mod bundle;
mod pages;
mod parts;

pub use bundle::{Bundle, FILES_COUNT_MAX, NAME_BYTES_MAX, RuleSet, SETS_COUNT_MAX, is_plain_name};
pub use pages::{PAGE_BYTES_MAX, PAGES_BYTES_MAX, PAGES_COUNT_MAX, PAGES_IMAGE_BYTES_MAX, Pages, encode_pages};
pub use parts::{PARTS_COUNT_MAX, Part, Parts};

/// One bundle, or all parts together: CRS 4 takes 1.5 MB, and address lists of a million entries 32
/// MB each.
pub const BYTES_MAX: usize = 512 << 20;

/// Bytes of a bundle without a rule set: the magic number and two counts. start, which does not
/// look inside, tells by the length whether there are rules.
pub const EMPTY_BYTES: usize = 16;

/// Separates the entry patterns of one rule set where they travel as one text; no path holds it.
const PATTERN_SEPARATOR: char = '\n';

/// Returns the entry patterns of a rule set as one text.
#[must_use]
pub fn join_patterns<'a>(patterns: impl IntoIterator<Item = &'a str>) -> String {
    patterns.into_iter().collect::<Vec<_>>().join(&PATTERN_SEPARATOR.to_string())
}

/// Returns the entry patterns of a text that [`join_patterns`] made.
pub fn split_patterns(joined: &str) -> impl Iterator<Item = &str> {
    joined.split(PATTERN_SEPARATOR).filter(|pattern| !pattern.is_empty())
}

/// Separates the text before the rules from the text after them. As rules it is a comment.
const AFTER_THE_RULES: &str = "# after the rules\n";

/// Returns a site's exclusions as one text: rules that come before a rule set, and directives that
/// come after it.
#[must_use]
pub fn join_exclusions(before: &str, after: &str) -> String {
    if before.is_empty() && after.is_empty() { String::new() } else { format!("{before}{AFTER_THE_RULES}{after}") }
}

/// Returns the two parts of a text that [`join_exclusions`] made.
#[must_use]
pub(crate) fn split_exclusions(joined: &str) -> (&str, &str) {
    joined.split_once(AFTER_THE_RULES).unwrap_or((joined, ""))
}
