//! The kinds of tokens, and the letters fingerprints are made of.

/// The kind of a token: its letter in a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind(pub(super) u8);

impl Kind {
    pub(super) const KEYWORD: Kind = Kind(b'k');
    pub(super) const UNION: Kind = Kind(b'U');
    pub(super) const SQL_TYPE: Kind = Kind(b't');
    pub(super) const FUNCTION: Kind = Kind(b'f');
    pub(super) const BAREWORD: Kind = Kind(b'n');
    pub(super) const NUMBER: Kind = Kind(b'1');
    pub(super) const VARIABLE: Kind = Kind(b'v');
    pub(super) const STRING: Kind = Kind(b's');
    pub(super) const OPERATOR: Kind = Kind(b'o');
    pub(super) const COMMENT: Kind = Kind(b'c');
    pub(super) const DOT: Kind = Kind(b'.');
    pub(super) const COLON: Kind = Kind(b':');
    pub(super) const BACKSLASH: Kind = Kind(b'\\');
    /// A statement word of Transact-SQL.
    pub(super) const TSQL: Kind = Kind(b'T');
    pub(super) const UNKNOWN: Kind = Kind(b'?');
    /// Comment syntax that databases read differently: always an attack.
    pub(super) const EVIL: Kind = Kind(b'X');

    /// Is this kind one of the letters?
    pub(super) fn is_in(self, letters: &[u8]) -> bool {
        letters.contains(&self.0)
    }
}
