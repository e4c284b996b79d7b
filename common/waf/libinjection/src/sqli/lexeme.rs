//! One token as it is read.

use super::kind::Kind;
use crate::bytes::{self, ByteSet};

/// Bytes of a token that are kept; no word of the table is longer, and no rule looks further.
pub(super) const TEXT_BYTES_MAX: usize = 31;

/// One token; `text` is at most [`TEXT_BYTES_MAX`] bytes, without quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a [u8],
    /// The quote that opened the text, 0 if none did.
    pub(super) open: u8,
    /// The quote that closed the text, 0 if none did.
    pub(super) close: u8,
}

impl<'a> Token<'a> {
    /// Creates a token without quotes.
    pub(super) fn new(kind: Kind, text: &'a [u8]) -> Self {
        Token { kind, text: bytes::upto(text, TEXT_BYTES_MAX), open: 0, close: 0 }
    }

    /// Is the text this word, without regard to ASCII case?
    pub(super) fn is_word(&self, word: &[u8]) -> bool {
        self.text.eq_ignore_ascii_case(word)
    }

    /// Does the text start with this word, without regard to ASCII case?
    pub(super) fn starts_with_word(&self, word: &[u8]) -> bool {
        self.text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    }

    /// Returns the first byte of the text, 0 if there is none.
    pub(super) fn first(&self) -> u8 {
        self.text.first().copied().unwrap_or(0)
    }

    pub(super) fn is_unary_operator(&self) -> bool {
        self.kind == Kind::OPERATOR && (matches!(self.text, b"+" | b"-" | b"!" | b"~" | b"!!") || self.is_word(b"NOT"))
    }

    pub(super) fn is_arithmetic_operator(&self) -> bool {
        self.kind == Kind::OPERATOR && matches!(self.text, b"*" | b"/" | b"-" | b"+" | b"%")
    }
}

/// A token and the bytes of input it takes.
pub(super) type Read<'a> = (Token<'a>, usize);

const WHITE: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r\xa0\0");

/// Returns whether the byte is white space where that decides what the bytes before it are: MySQL
/// and Oracle add 0xA0 and NUL.
pub(super) fn is_white(byte: u8) -> bool {
    WHITE.has(byte)
}

/// A token of one byte.
pub(super) fn one(kind: Kind, rest: &[u8]) -> Read<'_> {
    (Token::new(kind, bytes::upto(rest, 1)), 1)
}
