//! htmlEntityDecode.

use crate::edit::{Edit, at, hex_digit};
use crate::outcome::Outcome;
use memchr::memchr;

/// Letters of the longest known name.
const NAME_BYTES_MAX: usize = 16;

/// Returns the byte of a named entity; names are compared without regard to case.
///
/// The first five are those ModSecurity always had; the others are the names of ASCII characters,
/// which its later releases decode too because `javascript&colon;` passed.
#[expect(clippy::too_many_lines, reason = "a table of names")]
fn named(name: &[u8]) -> Option<u8> {
    let mut lower = [0u8; NAME_BYTES_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"quot" => b'"',
        b"amp" => b'&',
        b"lt" => b'<',
        b"gt" => b'>',
        b"nbsp" => 0xa0,
        b"tab" => b'\t',
        b"newline" => b'\n',
        b"excl" => b'!',
        b"num" => b'#',
        b"dollar" => b'$',
        b"percnt" => b'%',
        b"apos" => b'\'',
        b"lpar" => b'(',
        b"rpar" => b')',
        b"ast" | b"midast" => b'*',
        b"plus" => b'+',
        b"comma" => b',',
        b"hyphen" | b"dash" => b'-',
        b"period" => b'.',
        b"sol" => b'/',
        b"colon" => b':',
        b"semi" => b';',
        b"equals" => b'=',
        b"quest" => b'?',
        b"commat" => b'@',
        b"lsqb" | b"lbrack" => b'[',
        b"bsol" => b'\\',
        b"rsqb" | b"rbrack" => b']',
        b"hat" | b"caret" => b'^',
        b"lowbar" | b"underbar" => b'_',
        b"grave" | b"diacriticalgrave" => b'`',
        b"lcub" | b"lbrace" => b'{',
        b"verbar" | b"vert" | b"verticalline" => b'|',
        b"rcub" | b"rbrace" => b'}',
        b"tilde" => b'~',
        _ => return None,
    })
}

/// Decodes decimal and hexadecimal numbers (low byte) and the known names, each with or without its
/// semicolon.
pub(crate) fn html_entity_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(found) = memchr(b'&', &input[pos..]) {
        let here = pos + found;
        pos = here + 1;
        if let Some((length, byte)) = entity(&input[pos..]) {
            let semicolon = usize::from(at(input, pos + length) == Some(b';'));
            pos += length + semicolon;
            edit.replace_byte(here, pos, byte);
        }
    }
    edit.finish()
}

/// Reads an entity after its ampersand; returns its length without the semicolon, and its byte.
fn entity(rest: &[u8]) -> Option<(usize, u8)> {
    match rest {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16, hex_digit).map(|(count, byte)| (count + 2, byte)),
        [b'#', digits @ ..] => number(digits, 10, |byte| hex_digit(byte).filter(|digit| *digit < 10))
            .map(|(count, byte)| (count + 1, byte)),
        _ => {
            let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            named(rest.get(..length)?).map(|byte| (length, byte))
        }
    }
}

/// Returns the length of a number and its low byte, as C's strtol(3) reads it: one that is too
/// large is the largest, whose low byte is 0xff.
fn number(digits: &[u8], base: i64, value_of: impl Fn(u8) -> Option<u8>) -> Option<(usize, u8)> {
    let (mut count, mut value, mut over) = (0usize, 0i64, false);
    for digit in digits.iter().map_while(|byte| value_of(*byte)) {
        count += 1;
        match value.checked_mul(base).and_then(|value| value.checked_add(i64::from(digit))) {
            Some(next) => value = next,
            None => over = true,
        }
    }
    let [.., low] = if over { i64::MAX } else { value }.to_be_bytes();
    (count > 0).then_some((count, low))
}
