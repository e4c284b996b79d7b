//! fosse-builtin-rules: the rule files that fosse brings along: rules for a site that names none,
//! and the engine settings that the Core Rule Set expects to stand before it.
//!
//! A configuration names them by a word in place of a path. They include nothing and name no data
//! files.

#![forbid(unsafe_code)]

/// The rules, as fosse-load bundles them under [`BUILTIN_NAME`].
pub const BUILTIN: &str = include_str!("../builtin.conf");

/// The name of the built-in rules in a configuration.
pub const BUILTIN_NAME: &str = "builtin";

/// Settings and body checks for rule sets that bring none, in the place of ModSecurity's
/// recommended configuration.
pub(crate) const ENGINE: &str = include_str!("../engine.conf");

/// The name of the engine's settings in a configuration.
pub const ENGINE_NAME: &str = "engine";

/// Returns the file that a word names; `None` where it is a path.
#[must_use]
pub fn embedded(word: &str) -> Option<&'static str> {
    match word {
        BUILTIN_NAME => Some(BUILTIN),
        ENGINE_NAME => Some(ENGINE),
        _ => None,
    }
}
