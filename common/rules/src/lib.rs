//! fosse-rules: the rules a site has when it names none: one SecLang file, explained rule by rule.

#![forbid(unsafe_code)]

/// The rules, as fosse-load bundles them under [`BUILTIN_NAME`].
pub const BUILTIN: &str = include_str!("../builtin.conf");

/// What a configuration calls them.
pub const BUILTIN_NAME: &str = "builtin";
