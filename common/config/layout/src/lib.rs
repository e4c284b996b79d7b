//! fosse-layout: a TOML text in the one layout that `fosse fmt` gives it.
//!
//! Only what stands between tokens changes: strings, numbers, names and comments are copied as they
//! are, in their order. That is why this is written over the lexer that the `toml` crate reads
//! with, and not over a tree with comments hung into it, as `toml_edit` has: a comment has no place
//! there that every tree keeps. What comes out is read again and compared before anybody sees it.

#![forbid(unsafe_code)]

mod lines;
mod same;
mod tokens;
mod value;

use lines::lines;
use tokens::Tokens;

/// Longest line, in characters, that a list of one line may have.
pub const LINE_CHARS_MAX: usize = 100;

/// The reason that a text has no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLayout {
    /// It is not TOML; its reader knows more.
    NotToml,
    /// The result would mean something else: a fault of this crate.
    Changed,
}

/// Returns a text in its layout, which is also that of what it returns.
///
/// # Errors
/// As [`NoLayout`] says.
pub fn layout(text: &str) -> Result<String, NoLayout> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let before = same::table(text).ok_or(NoLayout::NotToml)?;
    let mut out = String::with_capacity(text.len());
    for (number, line) in lines(&mut Tokens::of(text)).ok_or(NoLayout::NotToml)?.iter().enumerate() {
        if line.blank_before && number > 0 {
            out.push('\n');
        }
        out.push_str(&line.text);
        out.push('\n');
    }
    let after = same::table(&out).ok_or(NoLayout::Changed)?;
    if same::tables(&before, &after) { Ok(out) } else { Err(NoLayout::Changed) }
}
