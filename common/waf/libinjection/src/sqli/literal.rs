//! Literals: quoted strings, numbers, and the forms of both that carry a prefix.

use super::kind::Kind;
use super::lexeme::{Read, TEXT_BYTES_MAX, Token, is_white, one};
use crate::bytes::{self, ByteSet};

// NUL counts as a digit in every literal, as it does in libinjection: values without it are what
// rules feed in.
const BINARY_DIGITS: ByteSet = ByteSet::of(b"01\0");
const HEX_DIGITS: ByteSet = ByteSet::of(b"0123456789ABCDEFabcdef\0");
const MONEY_DIGITS: ByteSet = ByteSet::of(b"0123456789.,\0");
const LETTERS: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\0");

fn string<'a>(text: &'a [u8], open: u8, close: u8) -> Token<'a> {
    Token { open, close, ..Token::new(Kind::STRING, text) }
}

/// Reads a string whose text starts at `start` and ends at a `quote` that is neither doubled nor
/// escaped, or at the end of the input. A `start` of 0 means a string that was opened before the
/// input.
pub(super) fn quoted(rest: &[u8], start: usize, quote: u8) -> Read<'_> {
    let open = if start == 0 { 0 } else { quote };
    let mut from = start;
    while let Some(end) = bytes::find(rest, from, quote) {
        let text = bytes::upto(bytes::from(rest, start), end - start);
        let backslashes = text.iter().rev().take_while(|&&byte| byte == b'\\').count();
        let next = end + 1;
        if backslashes % 2 == 1 {
            from = next;
        } else if rest.get(next) == Some(&quote) {
            from = next + 1;
        } else {
            return (string(text, open, quote), next);
        }
    }
    (string(bytes::from(rest, start), open, 0), rest.len())
}

/// Strings and numbers that start with a letter; none if the letter starts a plain word.
pub(super) fn prefixed(first: u8, rest: &[u8]) -> Option<Read<'_>> {
    // A lone quote at the very end opens nothing.
    let has_string = rest.get(1) == Some(&b'\'') && rest.len() > 2;
    match first.to_ascii_uppercase() {
        b'B' if has_string => digits_in_quotes(rest, &BINARY_DIGITS),
        b'X' if has_string => digits_in_quotes(rest, &HEX_DIGITS),
        b'E' | b'N' if has_string => Some(quoted(rest, 2, b'\'')),
        b'N' => oracle_string(rest, 1),
        b'Q' => oracle_string(rest, 0),
        b'U' if rest.get(1) == Some(&b'&') && rest.get(2) == Some(&b'\'') => Some(unicode_string(rest)),
        _ => None,
    }
}

/// Reads `b'0101'` or `x'1F'`.
fn digits_in_quotes<'a>(rest: &'a [u8], digits: &ByteSet) -> Option<Read<'a>> {
    let end = digits.span(bytes::from(rest, 2)) + 2;
    let len = end + 1;
    (rest.get(end) == Some(&b'\'')).then(|| (Token::new(Kind::NUMBER, bytes::upto(rest, len)), len))
}

/// Reads `U&'...'`.
fn unicode_string(rest: &[u8]) -> Read<'_> {
    let (token, len) = quoted(bytes::from(rest, 2), 1, b'\'');
    let close = if token.close == 0 { 0 } else { b'u' };
    (Token { open: b'u', close, ..token }, len + 2)
}

/// Reads Oracle's `q'[...]'` at `start`, with any delimiter above space and below 0x80.
fn oracle_string(rest: &[u8], start: usize) -> Option<Read<'_>> {
    let [b'q' | b'Q', b'\'', delimiter @ 33..=127, text @ ..] = bytes::from(rest, start) else {
        return None;
    };
    let closing = match delimiter {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        other => *other,
    };
    Some(match bytes::find_pair(text, 0, [closing, b'\'']) {
        Some(end) => (string(bytes::upto(text, end), b'q', b'q'), end + start + 5),
        None => (string(text, b'q', 0), rest.len()),
    })
}

/// Amounts (`$1,000.00`) and PostgreSQL's `$$...$$` and `$tag$...$tag$`; none for `$.`, which
/// starts a word.
pub(super) fn money(rest: &[u8]) -> Option<Read<'_>> {
    let after = bytes::from(rest, 1);
    match MONEY_DIGITS.span(after) {
        0 => Some(dollar_string(rest).unwrap_or_else(|| one(Kind::BAREWORD, rest))),
        1 if after.first() == Some(&b'.') => None,
        digits => {
            let len = digits + 1;
            Some((Token::new(Kind::NUMBER, bytes::upto(rest, len)), len))
        }
    }
}

fn dollar_string(rest: &[u8]) -> Option<Read<'_>> {
    let tag_end = LETTERS.span(bytes::from(rest, 1)) + 1;
    if rest.get(tag_end) != Some(&b'$') {
        return None;
    }
    let (tag, text) = rest.split_at_checked(tag_end + 1)?;
    Some(match bytes::find_all(text, tag) {
        Some(end) => {
            let len = tag.len() + end + tag.len();
            (string(bytes::upto(text, end), b'$', b'$'), len)
        }
        None => (string(text, b'$', 0), rest.len()),
    })
}

/// Reads whole, decimal, hexadecimal and binary numbers, and a dot alone.
pub(super) fn number(rest: &[u8]) -> Read<'_> {
    match rest {
        [b'0', b'x' | b'X', ..] => radix_number(rest, &HEX_DIGITS),
        [b'0', b'b' | b'B', ..] => radix_number(rest, &BINARY_DIGITS),
        _ => decimal(rest),
    }
}

/// `0x` without digits is a name.
fn radix_number<'a>(rest: &'a [u8], digits: &ByteSet) -> Read<'a> {
    let count = digits.span(bytes::from(rest, 2));
    let kind = if count == 0 { Kind::BAREWORD } else { Kind::NUMBER };
    let len = count + 2;
    (Token::new(kind, bytes::upto(rest, len)), len)
}

fn decimal(rest: &[u8]) -> Read<'_> {
    let digits_from = |at: usize| {
        let digits = bytes::from(rest, at).iter().take_while(|byte| byte.is_ascii_digit()).count();
        at + digits
    };
    let mut len = digits_from(0);
    if rest.get(len) == Some(&b'.') {
        len = digits_from(len + 1);
        if len == 1 {
            return one(Kind::DOT, rest);
        }
    }
    let mut kind = Kind::NUMBER;
    if matches!(rest.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(len + 1), Some(b'+' | b'-')));
        let exponent = len + 1 + sign;
        len = digits_from(exponent);
        // `1.e` and `10E` without digits are names.
        kind = if len == exponent { Kind::BAREWORD } else { Kind::NUMBER };
    }
    len += oracle_suffix_len(bytes::from(rest, len));
    (Token::new(kind, bytes::upto(rest, len)), len)
}

/// Oracle's `d` or `f` after a number, if the number ends there; the `u` is for `1fUNION`.
fn oracle_suffix_len(rest: &[u8]) -> usize {
    match rest {
        [b'd' | b'D' | b'f' | b'F'] | [b'd' | b'D' | b'f' | b'F', b';' | b'u' | b'U', ..] => 1,
        [b'd' | b'D' | b'f' | b'F', next, ..] if is_white(*next) => 1,
        _ => 0,
    }
}

const _: () = assert!(TEXT_BYTES_MAX > 3, "prefixes must survive clipping");
