//! urlDecode, urlDecodeUni and urlEncode.

use crate::bestfit::best_fit;
use crate::edit::{Edit, at, first_where, hex_pair, hex_quad};
use crate::outcome::Outcome;
use memchr::memchr2;

/// Decodes `%HH` to a byte and `+` to a space; a percent sign that starts no valid pair stays.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    percent(input, out, |_| None)
}

/// Decodes also `%uHHHH` (and `%UHHHH`): the code point as code page 20127 (US-ASCII, best fit) has
/// it, else its low byte.
pub(crate) fn decode_uni(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    percent(input, out, best_fit_or_low_byte)
}

fn best_fit_or_low_byte(code: u16) -> Option<u8> {
    Some(best_fit(code).unwrap_or_else(|| crate::edit::narrow(code)))
}

/// Decodes byte by byte from the first `%` or `+` on: in an encoded value they are a few bytes
/// apart, where a search for each is slower.
#[inline]
fn percent(input: &[u8], out: &mut Vec<u8>, wide: impl Fn(u16) -> Option<u8>) -> Outcome {
    let Some(first) = memchr2(b'%', b'+', input) else { return Outcome::Same };
    let (same, mut rest) = input.split_at(first);
    let base = out.len();
    out.reserve(input.len());
    out.extend_from_slice(same);
    let mut changed = false;
    while let Some((byte, after)) = rest.split_first() {
        let (length, value) = match byte {
            b'+' => (1, b' '),
            b'%' => escape(rest, &wide).unwrap_or((1, b'%')),
            _ => (1, *byte),
        };
        changed |= length > 1 || *byte == b'+';
        out.push(value);
        rest = if length > 1 { &rest[length..] } else { after };
    }
    if !changed {
        out.truncate(base);
        return Outcome::Same;
    }
    Outcome::Written
}

/// Returns the length of the escape that `rest` begins with, and its byte.
#[inline]
fn escape(rest: &[u8], wide: impl Fn(u16) -> Option<u8>) -> Option<(usize, u8)> {
    match hex_pair(rest, 1) {
        Some(byte) => Some((3, byte)),
        None if matches!(at(rest, 1), Some(b'u' | b'U')) => hex_quad(rest, 2).and_then(wide).map(|byte| (6, byte)),
        None => None,
    }
}

/// Encodes: letters, digits and `*` stay, a space becomes `+`, all else `%hh`.
pub(crate) fn encode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(here) = first_where(input, pos, |byte| !(byte.is_ascii_alphanumeric() || byte == b'*')) {
        pos = here + 1;
        match at(input, here).unwrap_or_default() {
            b' ' => edit.replace_byte(here, pos, b'+'),
            byte => {
                let [high, low] = crate::code::hex_lower(byte);
                edit.replace(here, pos, &[b'%', high, low]);
            }
        }
    }
    edit.finish()
}
