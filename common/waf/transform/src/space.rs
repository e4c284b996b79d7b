//! The trims, compressWhitespace, removeWhitespace, removeNulls, replaceNulls and cmdLine.

use crate::edit::{first_where, is_space, is_space_or_nbsp, map_bytes, unless_same};
use crate::outcome::Outcome;
use memchr::{memchr, memmem};

/// Trims whitespace at the ends that are asked for, without moving the value.
pub(crate) fn trim(input: &[u8], left: bool, right: bool) -> Outcome {
    let start = if left { input.iter().take_while(|byte| is_space(**byte)).count() } else { 0 };
    let rest = &input[start..];
    let cut = if right { rest.iter().rev().take_while(|byte| is_space(**byte)).count() } else { 0 };
    match (start, input.len() - cut) {
        (0, end) if end == input.len() => Outcome::Same,
        (start, end) => Outcome::Part(start..end),
    }
}

/// Replaces each run of whitespace with one space.
///
/// A space between words is the usual case and changes nothing, so two scans look for what would:
/// another kind of whitespace, or two spaces together.
pub(crate) fn compress_whitespace(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let other = first_where(input, 0, |byte| is_space_or_nbsp(byte) & (byte != b' '));
    let before = other.map_or(input, |at| &input[..at]);
    let Some(first) = memmem::find(before, b"  ").or(other) else { return Outcome::Same };
    let (same, rest) = input.split_at(first);
    out.reserve(input.len());
    out.extend_from_slice(same);
    let mut space = same.last() == Some(&b' ');
    for byte in rest {
        if !is_space_or_nbsp(*byte) {
            out.push(*byte);
            space = false;
        } else if !space {
            out.push(b' ');
            space = true;
        }
    }
    Outcome::Written
}

/// Removes all whitespace.
pub(crate) fn remove_whitespace(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let Some(first) = first_where(input, 0, is_space_or_nbsp) else { return Outcome::Same };
    let (same, rest) = input.split_at(first);
    out.reserve(input.len());
    out.extend_from_slice(same);
    out.extend(rest.iter().filter(|byte| !is_space_or_nbsp(**byte)));
    Outcome::Written
}

/// Removes NUL bytes.
pub(crate) fn remove_nulls(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let Some(first) = memchr(0, input) else { return Outcome::Same };
    let (same, rest) = input.split_at(first);
    out.reserve(input.len());
    out.extend_from_slice(same);
    out.extend(rest.iter().filter(|byte| **byte != 0));
    Outcome::Written
}

/// Replaces NUL bytes with spaces.
pub(crate) fn replace_nulls(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    map_bytes(input, out, |byte| byte == 0, |byte| if byte == 0 { b' ' } else { byte })
}

/// Returns whether cmdLine changes the byte.
#[inline]
fn cmd_special(byte: u8) -> bool {
    byte.is_ascii_uppercase()
        | matches!(byte, b'"' | b'\'' | b'\\' | b'^')
        | matches!(byte, b' ' | b',' | b';' | b'\t' | b'\r' | b'\n')
}

/// Reads command lines as a shell does: quotes, `\` and `^` are removed; a run of space, tab,
/// newline, `,` and `;` becomes one space, or nothing before `/` and `(`; letters become lower
/// case.
pub(crate) fn cmd_line(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let Some(first) = first_where(input, 0, cmd_special) else { return Outcome::Same };
    let base = out.len();
    let (same, rest) = input.split_at(first);
    out.reserve(input.len());
    out.extend_from_slice(same);
    let mut space = false;
    for byte in rest {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => continue,
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                }
                space = true;
                continue;
            }
            b'/' | b'(' if space => {
                out.pop();
                out.push(*byte);
            }
            _ => out.push(byte.to_ascii_lowercase()),
        }
        space = false;
    }
    unless_same(input, out, base)
}
