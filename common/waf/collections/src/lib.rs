//! fosse-collections: the records of persistent collections (`initcol`, `setsid`, `setuid`,
//! `setrsc`): what they hold, what changes them, and when they end. The rules' engine and
//! fosse-store share it, so that a change means the same to both.
//!
//! Nothing here does I/O or owns a clock: the time comes as seconds since 1970. The meanings are
//! those of ModSecurity 2.

#![forbid(unsafe_code)]

mod record;

pub use record::{Change, Field, Record};

/// Bytes of the name of a record: a session's number, even one that carries a signed statement with
/// it.
pub const KEY_BYTES_MAX: usize = 1024;

/// Bytes of a SecWebAppId.
pub const APPLICATION_BYTES_MAX: usize = 64;

/// Bytes of a variable's name: rules write them, and may put an argument's name in.
pub const NAME_BYTES_MAX: usize = 256;

/// Bytes of a variable's value: counters, flags, a copied header.
pub const VALUE_BYTES_MAX: usize = 1024;

/// Variables of a record. The Core Rule Set has six; rules that make one for each of a client's
/// words reach this soon.
pub const FIELDS_MAX: usize = 64;

/// Bytes of all names and values of a record: with the limit of records in all, this bounds what a
/// client's words take.
pub const RECORD_BYTES_MAX: usize = 8 * 1024;

/// A persistent collection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Collection {
    /// One record per client address, as a rule.
    Ip = 0,
    /// One record for all.
    Global = 1,
    /// One record per session (`setsid`).
    Session = 2,
    /// One record per user (`setuid`).
    User = 3,
    /// One record per resource (`setrsc`).
    Resource = 4,
}

impl Collection {
    /// Every collection, in the order of its number.
    pub const ALL: [Collection; 5] =
        [Collection::Ip, Collection::Global, Collection::Session, Collection::User, Collection::Resource];

    /// Returns the collection's name as `initcol` writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Collection::Ip => "ip",
            Collection::Global => "global",
            Collection::Session => "session",
            Collection::User => "user",
            Collection::Resource => "resource",
        }
    }

    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Finds a collection by name, without regard to case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.name().eq_ignore_ascii_case(name))
    }

    /// Returns whether each SecWebAppId has records of its own: sessions, users and resources are
    /// an application's, addresses are not.
    #[must_use]
    pub(crate) const fn is_of_application(self) -> bool {
        matches!(self, Collection::Session | Collection::User | Collection::Resource)
    }
}

/// Names one record.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct RecordAddress<'a> {
    /// The collection.
    pub collection: Collection,
    /// SecWebAppId; empty for collections that all applications share.
    pub application: &'a [u8],
    /// The key `initcol` gave.
    pub key: &'a [u8],
}

impl<'a> RecordAddress<'a> {
    /// Creates the address of a record, for rules of this SecWebAppId.
    #[must_use]
    pub const fn new(collection: Collection, application: &'a [u8], key: &'a [u8]) -> Self {
        Self { collection, application: if collection.is_of_application() { application } else { b"" }, key }
    }

    /// Returns whether its names are within their limits. An empty key names no record.
    #[must_use]
    pub const fn fits(&self) -> bool {
        let (application, key) = (self.application.len(), self.key.len());
        key > 0 && key <= KEY_BYTES_MAX && application <= APPLICATION_BYTES_MAX
    }
}

/// Returns the number at the start of a text, as atoi(3) reads it: spaces, a sign, digits; 0
/// without.
#[must_use]
pub fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    // Saturates: clients write such numbers, and strtol(3), which atoi is, stops at the top too.
    let value = digits.fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, expected) in
            [("5", 5), (" -12x", -12), ("+7", 7), ("x", 0), ("", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn sessions_are_an_applications_own_and_addresses_are_not() {
        let place = |collection, application| RecordAddress::new(collection, application, b"k");
        assert_ne!(place(Collection::Session, b"a"), place(Collection::Session, b"b"));
        assert_eq!(place(Collection::Ip, b"a"), place(Collection::Ip, b"b"));
    }

    #[test]
    fn a_key_that_is_empty_or_over_its_limit_names_no_record() {
        for (length, fits) in [(0, false), (1, true), (KEY_BYTES_MAX, true), (KEY_BYTES_MAX + 1, false)] {
            assert_eq!(RecordAddress::new(Collection::Ip, b"", &vec![b'k'; length]).fits(), fits, "{length}");
        }
        let long = vec![b'a'; APPLICATION_BYTES_MAX + 1];
        assert!(
            !RecordAddress::new(Collection::User, &long, b"k").fits()
                && RecordAddress::new(Collection::Ip, &long, b"k").fits()
        );
    }
}
