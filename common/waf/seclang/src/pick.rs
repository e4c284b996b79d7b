//! Rules picked by number, tag or message.

use crate::reader::Argument;
use fosse_pattern::Regex;
use std::sync::Arc;

type Fault = (u32, String);

/// Rules picked by number, tag or message.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    Ids(Vec<(u32, u32)>),
    Tag(Arc<Regex>),
    Message(Arc<Regex>),
}

impl Pick {
    /// Reads `942100`, `942100-942199` and lists of them.
    pub(crate) fn ids(text: &Argument) -> Result<Self, Fault> {
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
