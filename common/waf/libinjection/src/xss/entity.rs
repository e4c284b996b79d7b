//! Numeric character references (`&#106;`, `&#x6a`), as browsers read them: without regard for a
//! missing semicolon.

use crate::bytes;

/// The largest code that is decoded; a larger one is text. (Unicode's last code is 0x10FFFF.)
const CODE_MAX: u32 = 0x0010_00ff;

/// Does the decoded text start with `prefix` (in capitals), without regard to ASCII case? Leading
/// white space and controls are skipped, NUL and line feed anywhere.
pub(super) fn starts_with(mut text: &[u8], prefix: &[u8]) -> bool {
    let mut expected = prefix.iter().copied().peekable();
    let mut leading = true;
    while let Some(&next) = expected.peek() {
        let Some((code, len)) = first_character(text) else {
            return false;
        };
        text = bytes::from(text, len);
        if (leading && code <= 32) || code == 0 || code == 10 {
            continue;
        }
        leading = false;
        // Only the low byte is compared, as in libinjection: an exotic code that ends like the
        // letter convicts, too.
        let code = if (97..=122).contains(&code) { code - 32 } else { code };
        if code & 0xff != u32::from(next) {
            return false;
        }
        expected.next();
    }
    true
}

/// Returns the first character and the bytes it takes; a byte that begins no numeric reference is
/// that character.
fn first_character(text: &[u8]) -> Option<(u32, usize)> {
    let literal = (u32::from(*text.first()?), 1);
    let reference = match text {
        [b'&', b'#', b'x' | b'X', ..] => number(text, 3, 16),
        [b'&', b'#', ..] => number(text, 2, 10),
        _ => None,
    };
    Some(reference.unwrap_or(literal))
}

/// Returns the number at `start` and the end of the reference; `None` without digits or beyond
/// [`CODE_MAX`].
fn number(text: &[u8], start: usize, radix: u32) -> Option<(u32, usize)> {
    let mut code: u32 = 0;
    let mut len = start;
    while let Some(digit) = text.get(len).and_then(|&byte| char::from(byte).to_digit(radix)) {
        // At most CODE_MAX before, so that no number of digits overflows.
        code = code * radix + digit;
        if code > CODE_MAX {
            return None;
        }
        len += 1;
    }
    if len == start {
        return None;
    }
    let semicolon = usize::from(text.get(len) == Some(&b';'));
    Some((code, len + semicolon))
}
