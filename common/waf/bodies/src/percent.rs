//! Percent-decoding of form fields.

use memchr::memchr2;

/// Decodes `%HH` and `+` of `input`, into `scratch` only if there are any, and counts percent signs
/// that start no valid pair in `invalid`; these stay as they are.
pub(crate) fn decode<'a>(input: &'a [u8], scratch: &'a mut Vec<u8>, invalid: &mut usize) -> &'a [u8] {
    let Some(first) = memchr2(b'%', b'+', input) else { return input };
    let (plain, mut rest) = input.split_at(first);
    scratch.clear();
    scratch.reserve(input.len());
    scratch.extend_from_slice(plain);
    // Where there is one there are usually more, a few bytes apart: byte by byte is faster than
    // searching.
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let byte = match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    rest = after;
                    high << 4 | low
                }
                None => {
                    *invalid += 1;
                    b'%'
                }
            },
            (b'%', _) => {
                *invalid += 1;
                b'%'
            }
            _ => *byte,
        };
        scratch.push(byte);
    }
    scratch
}

/// Returns the value of a hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
