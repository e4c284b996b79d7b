//! jsDecode, cssDecode and escapeSeqDecode: what a backslash means to three languages.

use crate::edit::{Edit, at, hex_digit, hex_pair, hex_quad, is_space, narrow, octal};
use crate::outcome::Outcome;
use memchr::memchr;

/// The result of reading one escape.
struct Escape {
    /// Bytes of the input it takes, backslash included; at least 1.
    taken: usize,
    /// Its byte; `None` if the escape is only removed.
    byte: Option<u8>,
}

/// Replaces the escapes of `input`. `read` gets the bytes after a backslash; `None` leaves the
/// backslash as it is.
#[inline]
fn backslashes(input: &[u8], out: &mut Vec<u8>, read: impl Fn(&[u8]) -> Option<Escape>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(found) = memchr(b'\\', &input[pos..]) {
        let here = pos + found;
        pos = here + 1;
        if let Some(Escape { taken, byte }) = read(&input[pos..]) {
            pos = here + taken;
            match byte {
                Some(byte) => edit.replace_byte(here, pos, byte),
                None => edit.remove(here, pos),
            }
        }
    }
    edit.finish()
}

/// Decodes `\uHHHH` (low byte, full width folded), `\xHH`, `\OOO`, and the one-letter escapes; any
/// other escaped byte is that byte.
pub(crate) fn js_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    backslashes(input, out, |rest| {
        let first = at(rest, 0)?;
        if first == b'u'
            && let Some(code) = hex_quad(rest, 1)
        {
            return Some(Escape { taken: 6, byte: Some(narrow(code)) });
        }
        if first == b'x'
            && let Some(byte) = hex_pair(rest, 1)
        {
            return Some(Escape { taken: 4, byte: Some(byte) });
        }
        // Three digits only where they fit a byte.
        let (value, digits) = octal(rest, 0, if first <= b'3' { 3 } else { 2 });
        if digits > 0 {
            return Some(Escape { taken: 1 + digits, byte: u8::try_from(value).ok() });
        }
        Some(Escape { taken: 2, byte: Some(letter(first).unwrap_or(first)) })
    })
}

/// Decodes the ANSI C escapes. An unknown escape loses its backslash.
pub(crate) fn escape_seq_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    backslashes(input, out, |rest| {
        let first = at(rest, 0)?;
        if matches!(first, b'x' | b'X')
            && let Some(byte) = hex_pair(rest, 1)
        {
            return Some(Escape { taken: 4, byte: Some(byte) });
        }
        let (value, digits) = octal(rest, 0, 3);
        if digits > 0 {
            let [_, low] = value.to_be_bytes();
            return Some(Escape { taken: 1 + digits, byte: Some(low) });
        }
        Some(Escape { taken: 2, byte: Some(letter(first).unwrap_or(first)) })
    })
}

fn letter(byte: u8) -> Option<u8> {
    match byte {
        b'a' => Some(0x07),
        b'b' => Some(0x08),
        b'f' => Some(0x0c),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'v' => Some(0x0b),
        _ => None,
    }
}

/// Decodes CSS 2 escapes: one to six hexadecimal digits (low byte; full width folded) and one
/// whitespace after them; an escaped newline is nothing, any other escaped byte is itself, a
/// backslash at the end is nothing.
pub(crate) fn css_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    backslashes(input, out, |rest| {
        let Some(first) = at(rest, 0) else { return Some(Escape { taken: 1, byte: None }) };
        let digits = rest.iter().take(6).map_while(|byte| hex_digit(*byte));
        let (code, count) =
            digits.fold((0u32, 0usize), |(code, count), digit| (code << 4 | u32::from(digit), count + 1));
        if count > 0 {
            let space = usize::from(at(rest, count).is_some_and(is_space));
            return Some(Escape { taken: 1 + count + space, byte: Some(css_byte(code)) });
        }
        if first == b'\n' {
            return Some(Escape { taken: 2, byte: None });
        }
        Some(Escape { taken: 2, byte: Some(first) })
    })
}

/// Returns the byte of a code point. Full-width forms alone are folded, with any number of leading
/// zeros.
fn css_byte(code: u32) -> u8 {
    let [_, _, _, low] = code.to_be_bytes();
    u16::try_from(code).map_or(low, narrow)
}
