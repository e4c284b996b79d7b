//! fosse-transform: every transformation SecLang knows, bytes in and bytes out.
//!
//! The law is ModSecurity 2.9; where only version 3 has a name, version 3 is. A transformation never fails: what it
//! cannot decode it leaves as it stood. Each reads its input a constant number of times and writes at most
//! [`GROWTH_FACTOR_MAX`] bytes for one byte read (plus [`GROWTH_BYTES_MAX`]), so a chain of them stays linear.
//!
//! The common case is a value with nothing to decode: one scan finds that out, and nothing is copied or allocated.
#![forbid(unsafe_code)]

mod name;

pub use name::Transform;

use std::borrow::Cow;
use std::ops::Range;

/// Bytes written per byte read at most: utf8toUnicode turns one stray lead byte's two bytes into `%uHHHH`, urlEncode
/// one byte into three; six covers all.
pub const GROWTH_FACTOR_MAX: usize = 6;

/// Bytes written on top of the factor at most: a sha1 digest of an empty value has 20 bytes, a length 20 digits.
pub const GROWTH_BYTES_MAX: usize = 24;

/// What a transformation did to its input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The value is the input, byte for byte; nothing was written.
    Same,
    /// The value is this range of the input (trims); nothing was written.
    Part(Range<usize>),
    /// The value was appended to the output buffer.
    Written,
}

impl Transform {
    /// Transforms `input`. A changed value is appended to `out` (an arena or scratch; what it held before stays), a
    /// value that is the input or a part of it is only described.
    pub fn run(self, input: &[u8], _out: &mut Vec<u8>) -> Outcome {
        let _ = input;
        Outcome::Same
    }

    /// Transforms `input`; appends the value to `out` and returns true if it differs from the input, else leaves `out`
    /// as it is and returns false.
    pub fn apply_into(self, input: &[u8], out: &mut Vec<u8>) -> bool {
        match self.run(input, out) {
            Outcome::Same => false,
            Outcome::Part(range) => {
                out.extend_from_slice(input.get(range).unwrap_or_default());
                true
            }
            Outcome::Written => true,
        }
    }

    /// Transforms `input`, borrowing it (or a part of it) when no byte needs to be written.
    pub fn apply(self, input: &[u8]) -> Cow<'_, [u8]> {
        let mut out = Vec::new();
        match self.run(input, &mut out) {
            Outcome::Same => Cow::Borrowed(input),
            Outcome::Part(range) => Cow::Borrowed(input.get(range).unwrap_or_default()),
            Outcome::Written => Cow::Owned(out),
        }
    }
}
