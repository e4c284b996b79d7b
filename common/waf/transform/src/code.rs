//! base64Encode, base64Decode, base64DecodeExt, hexEncode, hexDecode, sqlHexDecode, length, md5 and
//! sha1.

use crate::edit::{Edit, at, hex_pair, unless_same};
use crate::outcome::Outcome;
use memchr::memchr;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn letter(bits: u32) -> u8 {
    let [.., low] = bits.to_be_bytes();
    ALPHABET[usize::from(low & 63)]
}

/// Encodes base64 with padding (RFC 4648 section 4).
pub(crate) fn base64_encode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    if input.is_empty() {
        return Outcome::Same;
    }
    for group in input.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        let mut letters = [letter(bits >> 18), letter(bits >> 12), letter(bits >> 6), letter(bits)];
        for padding in letters.iter_mut().skip(group.len() + 1) {
            *padding = b'=';
        }
        out.extend_from_slice(&letters);
    }
    Outcome::Written
}

fn base64_value(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Collects six bits at a time and writes whole bytes; bits that fill no byte are dropped.
#[derive(Default)]
struct Sextets {
    bits: u32,
    count: usize,
}

impl Sextets {
    fn push(&mut self, value: u32, out: &mut Vec<u8>) {
        self.bits = self.bits << 6 | value;
        self.count += 1;
        let left = match self.count % 4 {
            1 => return,
            2 => 4,
            3 => 2,
            _ => 0,
        };
        let [.., byte] = (self.bits >> left).to_be_bytes();
        out.push(byte);
    }
}

/// Decodes up to the first byte outside the alphabet (padding is one) and drops the rest. A value
/// that does not start with Base64 becomes empty.
pub(crate) fn base64_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let base = out.len();
    let mut sextets = Sextets::default();
    for value in input.iter().map_while(|byte| base64_value(*byte)) {
        sextets.push(value, out);
    }
    unless_same(input, out, base)
}

/// Decodes all letters of both alphabets (RFC 4648 sections 4 and 5) and skips every other byte, as
/// PHP does. Padding after a single letter of a group, with more than padding behind it, makes the
/// whole value empty.
pub(crate) fn base64_decode_ext(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let base = out.len();
    let mut sextets = Sextets::default();
    for (place, byte) in input.iter().enumerate() {
        let value = match byte {
            b'-' => Some(62),
            b'_' => Some(63),
            byte => base64_value(*byte),
        };
        if let Some(value) = value {
            sextets.push(value, out);
        } else if *byte == b'=' && sextets.count % 4 == 1 && at(input, place + 1) != Some(b'=') {
            out.truncate(base);
            break;
        }
    }
    unless_same(input, out, base)
}

/// Returns the two lower-case hexadecimal digits of a byte.
pub(crate) fn hex_lower(byte: u8) -> [u8; 2] {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' - 10 + half };
    [digit(byte >> 4), digit(byte & 15)]
}

/// Encodes each byte as two digits.
pub(crate) fn hex_encode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    if input.is_empty() {
        return Outcome::Same;
    }
    out.extend(input.iter().flat_map(|byte| hex_lower(*byte)));
    Outcome::Written
}

/// Decodes two bytes to one. They are not checked: what is no digit gives the value ModSecurity's
/// arithmetic gives it. A byte left over is dropped.
pub(crate) fn hex_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let base = out.len();
    for pair in input.chunks_exact(2) {
        if let [high, low] = pair {
            out.push(loose_digit(*high).wrapping_mul(16).wrapping_add(loose_digit(*low)));
        }
    }
    unless_same(input, out, base)
}

fn loose_digit(byte: u8) -> u8 {
    if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
}

/// Decodes `0x` and at least one pair of digits to the bytes of the pairs. A digit left over stays.
pub(crate) fn sql_hex_decode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(found) = memchr(b'0', &input[pos..]) {
        let here = pos + found;
        pos = here + 1;
        if !matches!(at(input, pos), Some(b'x' | b'X')) || hex_pair(input, here + 2).is_none() {
            continue;
        }
        edit.remove(here, here + 2);
        pos = here + 2;
        while let Some(byte) = hex_pair(input, pos) {
            edit.replace_byte(pos, pos + 2, byte);
            pos += 2;
        }
    }
    edit.finish()
}

/// Writes the length in bytes, in decimal.
pub(crate) fn length(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let base = out.len();
    out.extend_from_slice(input.len().to_string().as_bytes());
    unless_same(input, out, base)
}

/// Writes a digest of the hash `H`, raw.
pub(crate) fn digest<H: sha1::Digest>(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let base = out.len();
    out.extend_from_slice(&H::digest(input));
    unless_same(input, out, base)
}
