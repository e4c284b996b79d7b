//! fosse-libinjection: detects SQL injection, and script for a browser, in one value.
//!
//! Both detectors read one decoded value (a query argument, a cookie, a header) and have no state.
//! Their judgement is that of libinjection, Nick Galbreath's C library behind ModSecurity's
//! `@detectSQLi` and `@detectXSS`, so that rule sets tuned to it keep their meaning. [`is_sqli`]
//! reads the value as SQL in up to five contexts, folds the tokens to at most five, and looks the
//! sequence of their kinds up among published fingerprints. [`is_xss`] reads it as HTML in up to
//! five contexts and looks for tags, attributes and URLs that run script.
//!
//! The word and fingerprint tables in `data/` are libinjection's published data under its own
//! licence (stated in the files); the code is fosse's. Known faults of the C library that are not
//! repeated here:
//! - reading past the end of a value that ends in `&#` (here: the end);
//! - byte 0xFF before an attribute, which the C library takes for the end of the input and so
//!   misses what follows;
//! - recursion over `/////` inside a tag, and rescanning of `DIV.DIV.DIV...`: time is linear and
//!   the stack is flat.
//!
//! No allocation, no recursion, no panics, time linear in the length of the value.

#![forbid(unsafe_code)]

mod bytes;
mod sqli;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod xss;

use std::fmt;

pub use sqli::is_sqli;
pub use xss::is_xss;

/// Bytes of the longest fingerprint.
pub const FINGERPRINT_BYTES_MAX: usize = 8;

/// The kinds of the tokens of an injection, such as `s&1c`: at most [`FINGERPRINT_BYTES_MAX`] ASCII
/// bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    bytes: [u8; FINGERPRINT_BYTES_MAX],
    len: u8,
}

impl Fingerprint {
    /// Takes ASCII kinds until the array is full or one is not ASCII.
    pub(crate) fn from_kinds(kinds: impl Iterator<Item = u8>) -> Self {
        let mut fingerprint = Fingerprint { bytes: [0; FINGERPRINT_BYTES_MAX], len: 0 };
        for (place, kind) in fingerprint.bytes.iter_mut().zip(kinds.take_while(u8::is_ascii)) {
            *place = kind;
            fingerprint.len += 1;
        }
        fingerprint
    }

    /// Returns the fingerprint as text, for logs and for rules that capture it.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({:?})", self.as_str())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
