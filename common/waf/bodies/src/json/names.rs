//! Flattened names of JSON leaves.

use super::{JsonError, NAME_BYTES_MAX};
use std::io::Write;
use std::ops::Range;

/// The naming of leaves. Both exist because exclusions in the wild are written for both; rules of
/// the Core Rule Set accept either.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Naming {
    /// ModSecurity 2: `a.b` for `{"a":{"b":1}}`, `a.a` for each element of `{"a":[1]}`,
    /// `array.array` for each of `[1]`, an empty name for a bare value. (Where ModSecurity 2 loses
    /// its place after keys with dots in them, this does not.)
    #[default]
    Version2,
    /// ModSecurity 3 and Coraza: `json.a.b`, `json.a.array_0`, `json.array_0`, and `json` for a
    /// bare value.
    Version3,
}

/// One open container.
struct Level {
    object: bool,
    /// Elements so far, of an array.
    elements: usize,
    /// Length of the name to return to when it closes.
    outside: usize,
    /// Its own last name, which version 2 gives to the elements of an array.
    own: Range<usize>,
    /// Length of its own name.
    inside: usize,
    /// False for a top-level object of version 2, whose members have bare names.
    prefix: bool,
}

/// The open containers and the name of the place inside them.
pub(crate) struct Names {
    naming: Naming,
    name: Vec<u8>,
    levels: Vec<Level>,
    /// Start of the last part of the current name.
    last: usize,
    /// Length to return to after the current leaf.
    outside: usize,
    top_object: bool,
}

impl Names {
    pub(crate) fn new(naming: Naming) -> Self {
        Self { naming, name: Vec::new(), levels: Vec::new(), last: 0, outside: 0, top_object: false }
    }

    /// Names the top-level value.
    pub(crate) fn top(&mut self) {
        if self.naming == Naming::Version3 {
            self.name.extend_from_slice(b"json");
        }
    }

    pub(crate) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(crate) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Returns the depth as ModSecurity 2 counts it: a top-level object is not a level.
    pub(crate) fn depth_counted(&self) -> usize {
        self.levels.len() - usize::from(self.top_object)
    }

    pub(crate) fn in_object(&self) -> bool {
        self.levels.last().is_some_and(|level| level.object)
    }

    /// Enters a container at the current place.
    pub(crate) fn open(&mut self, object: bool) {
        let top = self.levels.is_empty();
        let mut prefix = true;
        if top {
            self.top_object = object;
            if self.naming == Naming::Version2 {
                prefix = !object;
                if !object {
                    self.name.extend_from_slice(b"array");
                }
            }
        }
        let inside = self.name.len();
        let own = self.last..inside;
        self.levels.push(Level { object, elements: 0, outside: self.outside, own, inside, prefix });
    }

    /// Leaves the innermost container.
    pub(crate) fn close(&mut self) {
        if let Some(level) = self.levels.pop() {
            self.name.truncate(level.outside);
        }
    }

    /// Drops the leaf's part of the name.
    pub(crate) fn leaf(&mut self) {
        self.name.truncate(self.outside);
    }

    /// Goes to a member of the innermost object.
    pub(crate) fn key(&mut self, key: &[u8]) -> Result<(), JsonError> {
        let prefix = self.enter();
        if prefix {
            self.name.push(b'.');
        }
        self.last = self.name.len();
        self.name.extend_from_slice(key);
        self.check()
    }

    /// Goes to the next element of the innermost array.
    pub(crate) fn element(&mut self) -> Result<(), JsonError> {
        self.enter();
        self.name.push(b'.');
        self.last = self.name.len();
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        match self.naming {
            Naming::Version2 => self.name.extend_from_within(level.own.clone()),
            Naming::Version3 => {
                // Writing to a Vec cannot fail.
                let _ = write!(self.name, "array_{}", level.elements);
                level.elements += 1;
            }
        }
        self.check()
    }

    fn enter(&mut self) -> bool {
        self.outside = self.levels.last().map_or(0, |level| level.inside);
        self.levels.last().is_some_and(|level| level.prefix)
    }

    fn check(&self) -> Result<(), JsonError> {
        if self.name.len() > NAME_BYTES_MAX { Err(JsonError::NamesTooLong) } else { Ok(()) }
    }
}
