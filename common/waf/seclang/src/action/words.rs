//! The words and numbers that actions and directives share.

use super::{Audit, Fault, Mode, Pick, Processor};
use crate::reader::Argument;
use crate::settings::XmlArguments;
use fosse_pattern::Regex;
use std::sync::Arc;

pub(crate) fn mode(text: &str) -> Option<Mode> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(Mode::On),
        "off" => Some(Mode::Off),
        "detectiononly" => Some(Mode::DetectionOnly),
        _ => None,
    }
}

pub(crate) fn audit(text: &str) -> Option<Audit> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(Audit::On),
        "off" => Some(Audit::Off),
        "relevantonly" => Some(Audit::RelevantOnly),
        _ => None,
    }
}

pub(crate) fn xml_arguments(text: &str) -> Option<XmlArguments> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Some(XmlArguments::On),
        "off" => Some(XmlArguments::Off),
        "onlyargs" => Some(XmlArguments::Only),
        _ => None,
    }
}

/// Parts of the audit log, each a letter.
pub(crate) fn audit_parts(text: &str) -> Option<String> {
    let known = |letter: char| matches!(letter, 'A'..='K' | 'Z');
    (!text.is_empty() && text.chars().all(known)).then(|| text.to_owned())
}

pub(super) fn processor(text: &str) -> Option<Processor> {
    match text.to_ascii_uppercase().as_str() {
        "URLENCODED" => Some(Processor::Urlencoded),
        "MULTIPART" => Some(Processor::Multipart),
        "JSON" => Some(Processor::Json),
        "XML" => Some(Processor::Xml),
        _ => None,
    }
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

impl Pick {
    /// Reads `942100`, `942100-942199` and lists of them.
    pub fn ids(text: &Argument) -> Result<Self, Fault> {
        let words = text.text();
        let items = words.split(|byte: char| byte == ',' || byte.is_whitespace()).filter(|item| !item.is_empty());
        let ranges: Option<Vec<(u32, u32)>> = items
            .map(|item| match item.split_once('-') {
                Some((low, high)) => Some((low.parse().ok()?, high.parse().ok()?)),
                None => item.parse().ok().map(|id| (id, id)),
            })
            .collect();
        match ranges {
            Some(ranges) if !ranges.is_empty() => Ok(Pick::Ids(ranges)),
            _ => Err((
                text.offset(0),
                format!("`{words}` names no rule; expected numbers and ranges like 942100-942199"),
            )),
        }
    }
}
