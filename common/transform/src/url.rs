//! urlDecode, urlDecodeUni and urlEncode.

use crate::Outcome;
use crate::bestfit::best_fit;
use crate::edit::{Edit, at, first_where, hex_pair, hex_quad};
use memchr::memchr2;

/// `%HH` becomes a byte, `+` a space; a percent sign that starts no valid pair stays.
pub fn decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    percent(input, out, |_| None)
}

/// Also `%uHHHH` (and `%UHHHH`): the code point as code page 20127 (US-ASCII, best fit) has it, else its low byte.
pub fn decode_uni(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    percent(input, out, best_fit_or_low_byte)
}

fn best_fit_or_low_byte(code: u16) -> Option<u8> {
    Some(best_fit(code).unwrap_or_else(|| crate::edit::narrow(code)))
}

#[inline]
fn percent(input: &[u8], out: &mut Vec<u8>, wide: impl Fn(u16) -> Option<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(found) = memchr2(b'%', b'+', input.get(pos..).unwrap_or_default()) {
        let here = pos + found;
        pos = here + 1;
        if at(input, here) == Some(b'+') {
            edit.replace_byte(here, pos, b' ');
        } else if let Some(byte) = hex_pair(input, here + 1) {
            pos = here + 3;
            edit.replace_byte(here, pos, byte);
        } else if matches!(at(input, here + 1), Some(b'u' | b'U'))
            && let Some(byte) = hex_quad(input, here + 2).and_then(&wide)
        {
            pos = here + 6;
            edit.replace_byte(here, pos, byte);
        }
    }
    edit.finish()
}

/// Letters, digits and `*` stay, a space becomes `+`, all else `%hh`.
pub fn encode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
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
