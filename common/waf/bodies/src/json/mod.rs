//! JSON bodies, flattened to arguments without building a document.
//!
//! The grammar is RFC 8259's exactly: no comments, no trailing commas, no text after the value,
//! UTF-8 only (a byte order mark before the value is skipped). `null` has an empty value, `true`,
//! `false` and numbers their text, strings are unescaped; a lone surrogate becomes `?` as in the
//! parser ModSecurity uses. Empty objects and arrays give nothing. JSON-RPC needs nothing of its
//! own: `method` and `params` are members like any others.

mod names;
mod scan;

pub use names::Naming;

use crate::limits::{ARGUMENTS_COUNT_MAX, Budget, Spent};
use crate::{Item, Sink};
use names::Names;
use scan::Scan;
use std::fmt;

/// Containers inside each other at most. ModSecurity allows 10,000; nothing that people send is
/// deeper than 32, and names grow with depth.
pub const DEPTH_COUNT_MAX: usize = 512;

/// Bytes of one flattened name at most: what a rule or a log line can still hold.
pub const NAME_BYTES_MAX: usize = 16 * 1024;

/// Options for reading a JSON body.
#[derive(Clone, Copy, Debug)]
pub struct JsonOptions {
    /// The naming of arguments.
    pub naming: Naming,
    /// Containers inside each other at most (SecRequestBodyJsonDepthLimit). A top-level object does
    /// not count.
    pub depth_count_max: usize,
    /// Arguments at most (SecArgumentsLimit).
    pub arguments_count_max: usize,
    /// The body is the beginning of a longer one: that it ends too early is no error.
    pub is_cut: bool,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            naming: Naming::Version2,
            depth_count_max: DEPTH_COUNT_MAX,
            arguments_count_max: ARGUMENTS_COUNT_MAX,
            is_cut: false,
        }
    }
}

/// The reason a JSON body was not read to its end; its text is for REQBODY_ERROR_MSG.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JsonError {
    /// The body ended inside the value, or is empty.
    Premature,
    /// A byte that cannot stand at this place (offset in bytes).
    Unexpected(usize),
    /// A string that is not UTF-8 (offset of its first byte).
    NotUtf8(usize),
    /// Text after the value (offset in bytes).
    TrailingGarbage(usize),
    /// More containers inside each other than allowed.
    TooDeep,
    /// More arguments than allowed.
    TooManyArguments,
    /// A name longer than [`NAME_BYTES_MAX`], or names so long that together they multiply the
    /// body.
    NamesTooLong,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Premature => write!(f, "JSON parsing error: premature end"),
            Self::Unexpected(at) => write!(f, "JSON parsing error: unexpected byte at offset {at}"),
            Self::NotUtf8(at) => write!(f, "JSON parsing error: string at offset {at} is not UTF-8"),
            Self::TrailingGarbage(at) => write!(f, "JSON parsing error: trailing garbage at offset {at}"),
            Self::TooDeep => write!(f, "JSON parsing error: JSON depth limit exceeded"),
            Self::TooManyArguments => write!(f, "JSON parsing error: more arguments than allowed"),
            Self::NamesTooLong => write!(f, "JSON parsing error: flattened names too long"),
        }
    }
}

/// The result of reading a JSON body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct JsonReport {
    /// Arguments given.
    pub arguments: usize,
    /// The reason it stopped early (REQBODY_ERROR).
    pub error: Option<JsonError>,
}

/// Gives every leaf of `input` as [`Item::Argument`], in a body that was cut also the string that
/// it does not end.
pub fn parse(input: &[u8], options: &JsonOptions, sink: Sink<'_>) -> JsonReport {
    let mut parser = Parser {
        scan: Scan::new(input),
        names: Names::new(options.naming),
        depth_count_max: options.depth_count_max,
        budget: Budget::new(input.len(), options.arguments_count_max),
        arguments: 0,
        is_cut: options.is_cut,
        sink,
    };
    let error = parser.document().err().filter(|error| !options.is_cut || *error != JsonError::Premature);
    JsonReport { arguments: parser.arguments, error }
}

struct Parser<'b, 's> {
    scan: Scan<'b>,
    names: Names,
    depth_count_max: usize,
    budget: Budget,
    arguments: usize,
    is_cut: bool,
    sink: Sink<'s>,
}

impl Parser<'_, '_> {
    fn document(&mut self) -> Result<(), JsonError> {
        self.names.top();
        let mut opened = self.value()?;
        while self.names.depth() > 0 {
            opened = self.member(opened)?;
        }
        match self.scan.next_token() {
            None => Ok(()),
            Some(_) => Err(JsonError::TrailingGarbage(self.scan.offset())),
        }
    }

    /// Reads one member of the innermost container or its end. `first` says that the container was
    /// just opened; returns whether another one was.
    fn member(&mut self, first: bool) -> Result<bool, JsonError> {
        let object = self.names.in_object();
        let end = if object { b'}' } else { b']' };
        let token = self.scan.next_token().ok_or(JsonError::Premature)?;
        if token == end {
            self.scan.skip();
            self.names.close();
            return Ok(false);
        }
        if !first {
            self.scan.expect(b',')?;
        }
        if object {
            self.scan.expect(b'"')?;
            if let Err(error) = self.scan.string().and_then(|key| self.names.key(key)) {
                return self.unfinished_name(error);
            }
            self.scan.expect(b':')?;
        } else {
            self.names.element()?;
        }
        self.value()
    }

    /// Reads one value, whose name is complete; returns whether it opened a container.
    fn value(&mut self) -> Result<bool, JsonError> {
        match self.scan.next_token().ok_or(JsonError::Premature)? {
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'"' => {
                self.scan.skip();
                let value = match self.scan.string() {
                    Err(JsonError::Premature) if self.is_cut => {
                        give(&mut self.budget, self.names.name(), self.scan.unfinished()?, self.sink)?;
                        return Err(JsonError::Premature);
                    }
                    value => value?,
                };
                give(&mut self.budget, self.names.name(), value, self.sink)?;
                self.leaf()
            }
            _ => {
                let value = self.scan.literal()?;
                give(&mut self.budget, self.names.name(), value, self.sink)?;
                self.leaf()
            }
        }
    }

    /// Gives the name that a body that was cut does not end.
    fn unfinished_name(&mut self, error: JsonError) -> Result<bool, JsonError> {
        if self.is_cut && error == JsonError::Premature {
            self.names.key(self.scan.unfinished()?)?;
            give(&mut self.budget, self.names.name(), b"", self.sink)?;
        }
        Err(error)
    }

    fn leaf(&mut self) -> Result<bool, JsonError> {
        self.arguments += 1;
        self.names.leaf();
        Ok(false)
    }

    fn open(&mut self, object: bool) -> Result<bool, JsonError> {
        self.scan.skip();
        self.names.open(object);
        if self.names.depth_counted() > self.depth_count_max {
            return Err(JsonError::TooDeep);
        }
        Ok(true)
    }
}

fn give(budget: &mut Budget, name: &[u8], value: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<(), JsonError> {
    budget.take(name.len() + value.len()).map_err(|spent| match spent {
        Spent::Count => JsonError::TooManyArguments,
        Spent::Bytes => JsonError::NamesTooLong,
    })?;
    sink(Item::Argument { name, value });
    Ok(())
}
