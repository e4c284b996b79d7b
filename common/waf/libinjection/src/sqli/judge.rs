//! Second thoughts: short fingerprints that plain text has, too, are looked at more closely.

use super::kind::Kind;
use super::lexeme::Token;
use super::reading::Reading;
use super::words;
use crate::{Fingerprint, bytes};

/// Returns the fingerprint of a reading that is an attack.
pub(super) fn verdict(reading: &Reading<'_>) -> Option<Fingerprint> {
    let known = words::is_fingerprint(reading.fingerprint.as_bytes());
    (known && !is_harmless(reading)).then_some(reading.fingerprint)
}

/// Returns whether a reading looks like plain text although its fingerprint is known as an attack.
fn is_harmless(reading: &Reading<'_>) -> bool {
    let fingerprint = reading.fingerprint.as_bytes();
    // SQL Server keeps statements with this word out of its log, so attacks end in a comment that
    // has it.
    if fingerprint.len() > 1 && fingerprint.ends_with(b"c") && bytes::find_all(reading.input, b"sp_password").is_some()
    {
        return false;
    }
    match (fingerprint.len(), reading.folded.tokens()) {
        (2, [a, b, ..]) => is_harmless_pair(reading, a, b),
        (3, [a, b, c, ..]) => is_harmless_triple(reading, [a, b, c]),
        _ => false,
    }
}

fn is_harmless_pair(reading: &Reading<'_>, a: &Token<'_>, b: &Token<'_>) -> bool {
    if b.kind == Kind::UNION {
        // "1 union" is plain text, unless something was folded away.
        return reading.tokens_read == 2;
    }
    match (a.kind, b.kind, b.first()) {
        (_, _, b'#') => true,
        (Kind::BAREWORD, Kind::COMMENT, start) => start != b'/',
        (Kind::NUMBER, Kind::COMMENT, b'/') => false,
        (Kind::NUMBER, Kind::COMMENT, _) => reading.tokens_read <= 2 && !ends_as_number(reading.input, a.text.len()),
        // Many people write "--" in plain text; only a value that ends in it is a probe.
        (_, _, start) => start == b'-' && b.text.len() > 2,
    }
}

/// Is the number (of this many bytes, taken to start the value) a number on its own, not the start
/// of something like `1234-ABCDEF--`? Bytes from 0x80 on count as white space, as they do where C's
/// `char` is signed.
fn ends_as_number(input: &[u8], len: usize) -> bool {
    match bytes::from(input, len) {
        [] | [0..=b' ' | 0x80.., ..] => true,
        rest => rest.starts_with(b"/*") || rest.starts_with(b"--"),
    }
}

fn is_harmless_triple(reading: &Reading<'_>, [a, b, c]: [&Token<'_>; 3]) -> bool {
    match reading.fingerprint.as_bytes() {
        // `foo" + "bar` breaks out of a string and back into one; anything else of this form is
        // prose.
        b"sos" | b"s&s" => !(a.open == 0 && c.close == 0 && a.close == c.open),
        // "sexy and 17" is prose, "sexy and 17<18" is not.
        b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" => reading.tokens_read == 3,
        // Of keywords in the middle only INTO OUTFILE and INTO DUMPFILE matter.
        _ => b.kind == Kind::KEYWORD && (b.text.len() < 5 || !b.starts_with_word(b"INTO")),
    }
}
