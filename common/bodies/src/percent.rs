//! Percent-decoding of form fields.

use memchr::memchr2;

/// Decodes `%HH` and `+` of `input`, into `scratch` only if there are any, and counts percent signs that start no
/// valid pair in `invalid`; these stay as they are.
pub fn decode<'a>(input: &'a [u8], scratch: &'a mut Vec<u8>, invalid: &mut usize) -> &'a [u8] {
    let Some(first) = memchr2(b'%', b'+', input) else { return input };
    scratch.clear();
    scratch.reserve(input.len());
    let mut copied = 0usize;
    let mut next = Some(first);
    while let Some(here) = next {
        let mut after = here + 1;
        let byte = match input.get(here..here.saturating_add(3)) {
            Some([b'%', high, low]) => hex(*high).zip(hex(*low)).map(|(high, low)| {
                after = here + 3;
                high << 4 | low
            }),
            _ => None,
        };
        let byte = if input.get(here) == Some(&b'+') { Some(b' ') } else { byte };
        match byte {
            Some(byte) => {
                scratch.extend_from_slice(input.get(copied..here).unwrap_or_default());
                scratch.push(byte);
                copied = after;
            }
            None => *invalid += 1,
        }
        next = input.get(after..).and_then(|rest| memchr2(b'%', b'+', rest)).map(|found| after + found);
    }
    scratch.extend_from_slice(input.get(copied..).unwrap_or_default());
    scratch
}

/// The value of a hexadecimal digit.
pub fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
