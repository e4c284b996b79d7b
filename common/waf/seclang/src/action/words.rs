//! The words and numbers that actions and directives share.

use super::act::Fault;
use crate::reader::Argument;
use fosse_pattern::Regex;
use std::sync::Arc;

/// Parts of the audit log, each a letter.
pub(crate) fn audit_parts(text: &str) -> Option<String> {
    let known = |letter: char| matches!(letter, 'A'..='K' | 'Z');
    (!text.is_empty() && text.chars().all(known)).then(|| text.to_owned())
}

pub(crate) fn on_off(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

pub(crate) fn regex(text: &Argument) -> Result<Arc<Regex>, Fault> {
    let pattern = Regex::new(&text.bytes).map(Arc::new);
    pattern.map_err(|error| (text.offset(error.offset), format!("in this pattern: {}", error.reason)))
}
