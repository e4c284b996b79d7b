//! XML-RPC calls: `methodName` is the argument `methodName`, every scalar of the parameters an
//! argument `params`, or `params.member` inside of a struct (the innermost member's name).

use super::XmlError;
use crate::limits::Budget;
use crate::{Item, Sink};

/// The state of a call.
pub(crate) struct Rpc {
    call: bool,
    /// Text since the last tag, of the element that is a leaf so far.
    leaf: Vec<u8>,
    /// No tag has come since the last start tag.
    is_leaf: bool,
    /// Names of the open struct members, as arguments.
    members: Vec<Vec<u8>>,
    budget: Budget,
}

impl Rpc {
    pub(crate) fn new(input_len: usize, arguments_count_max: usize) -> Self {
        let budget = Budget::new(input_len, arguments_count_max);
        Self { call: false, leaf: Vec::new(), is_leaf: false, members: Vec::new(), budget }
    }

    pub(crate) fn is_call(&self) -> bool {
        self.call
    }

    pub(crate) fn start(&mut self, name: &[u8], root: bool) {
        if root {
            self.call = name == b"methodCall";
        }
        if !self.call {
            return;
        }
        self.leaf.clear();
        self.is_leaf = true;
        if name == b"member" {
            self.members.push(b"params".to_vec());
        }
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        if self.call && self.is_leaf {
            self.leaf.extend_from_slice(text);
        }
    }

    pub(crate) fn end(&mut self, name: &[u8], parent: &[u8], sink: Sink<'_>) -> Result<(), XmlError> {
        if !self.call {
            return Ok(());
        }
        let leaf = std::mem::take(&mut self.is_leaf);
        match (name, parent) {
            (b"member", _) => drop(self.members.pop()),
            (b"name", b"member") if leaf => {
                if let Some(member) = self.members.last_mut() {
                    *member = [b"params.", self.leaf.as_slice()].concat();
                }
            }
            (b"methodName", _) if leaf => self.give(b"methodName", sink)?,
            // A value without a type, or the type inside of a value.
            (b"value", _) | (_, b"value") if leaf => {
                let member = self.members.pop();
                let given = self.give(member.as_deref().unwrap_or(b"params"), sink);
                self.members.extend(member);
                given?;
            }
            _ => {}
        }
        Ok(())
    }

    fn give(&mut self, name: &[u8], sink: Sink<'_>) -> Result<(), XmlError> {
        self.budget.take(name.len() + self.leaf.len())?;
        sink(Item::Argument { name, value: &self.leaf });
        Ok(())
    }
}
