//! Elements without elements in them as arguments (SecParseXmlIntoArgs): `xml.a.b` for
//! `<a><b>1</b></a>`.

use super::XmlError;
use crate::limits::Budget;
use crate::{Item, Sink};

/// Bytes of one such name at most: what a rule or a log line can still hold.
const NAME_BYTES_MAX: usize = 16 * 1024;

pub(crate) struct Leaves {
    wanted: bool,
    name: Vec<u8>,
    /// Length of the name before each open element.
    outside: Vec<usize>,
    /// Text since the last tag.
    text: Vec<u8>,
    is_leaf: bool,
    budget: Budget,
}

impl Leaves {
    pub(crate) fn new(wanted: bool, input_len: usize, arguments_count_max: usize) -> Self {
        Self {
            wanted,
            name: b"xml".to_vec(),
            outside: Vec::new(),
            text: Vec::new(),
            is_leaf: false,
            budget: Budget::new(input_len, arguments_count_max),
        }
    }

    pub(crate) fn start(&mut self, name: &[u8]) -> Result<(), XmlError> {
        if !self.wanted {
            return Ok(());
        }
        self.outside.push(self.name.len());
        self.name.push(b'.');
        self.name.extend_from_slice(name);
        self.text.clear();
        self.is_leaf = true;
        if self.name.len() > NAME_BYTES_MAX { Err(XmlError::NamesTooLong) } else { Ok(()) }
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        if self.wanted && self.is_leaf {
            self.text.extend_from_slice(text);
        }
    }

    pub(crate) fn end(&mut self, sink: Sink<'_>) -> Result<(), XmlError> {
        if !self.wanted {
            return Ok(());
        }
        if std::mem::take(&mut self.is_leaf) {
            self.budget.take(self.name.len() + self.text.len())?;
            sink(Item::Argument { name: &self.name, value: &self.text });
        }
        let outside = self.outside.pop().unwrap_or_default();
        self.name.truncate(outside);
        Ok(())
    }
}
