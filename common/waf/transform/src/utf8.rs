//! utf8toUnicode.

use crate::code::hex_lower;
use crate::edit::{Edit, at, first_where};
use crate::outcome::Outcome;

/// Replaces each UTF-8 sequence with `%uHHHH` (five or six digits above U+FFFF).
///
/// Broken UTF-8 goes ModSecurity's way: a lead byte without its continuation is dropped, a stray
/// continuation byte stays, an overlong form or a surrogate is written and its lead byte after it.
/// NUL bytes are dropped.
pub(crate) fn to_unicode(input: &[u8], out: &mut Vec<u8>) -> Outcome {
    let mut edit = Edit::new(input, out);
    let mut pos = 0usize;
    while let Some(here) = first_where(input, pos, |byte| (byte == 0) | (byte >= 0xc0)) {
        let lead = at(input, here).unwrap_or_default();
        pos = here + 1;
        match lead {
            0 => edit.remove(here, pos),
            0xf8.. => {}
            _ => {
                let length = sequence_length(lead);
                match decode(input, here, length) {
                    Some(code) => {
                        pos = here + length;
                        match usual(code, length) {
                            Some(text) => edit.replace(here, pos, &text),
                            None => edit.replace(here, pos, text(lead, code, length).bytes()),
                        }
                    }
                    // F5 to F7 begin nothing: they stay, as they stand before what they would have
                    // begun.
                    None if lead >= 0xf5 => {}
                    None => edit.remove(here, pos),
                }
            }
        }
    }
    edit.finish()
}

fn sequence_length(lead: u8) -> usize {
    match lead {
        ..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// Returns the number in the sequence at `from`, if all its continuation bytes are there; not
/// checked for more.
fn decode(input: &[u8], from: usize, length: usize) -> Option<u32> {
    let (lead, rest) = input.get(from..from.checked_add(length)?)?.split_first()?;
    let mask = match length {
        2 => 0x1f,
        3 => 0x0f,
        _ => 0x07,
    };
    rest.iter().try_fold(u32::from(lead & mask), |code, byte| {
        (byte & 0xc0 == 0x80).then(|| code << 6 | u32::from(byte & 0x3f))
    })
}

/// Returns the text for a valid sequence up to U+FFFF, which is nearly all there are.
fn usual(code: u32, length: usize) -> Option<[u8; 6]> {
    let code = u16::try_from(code).ok()?;
    let smallest = match length {
        2 => 0x80,
        3 => 0x800,
        _ => return None,
    };
    if code < smallest || (0xd800..=0xdfff).contains(&code) {
        return None;
    }
    let [[first, second], [third, fourth]] = code.to_be_bytes().map(hex_lower);
    Some([b'%', b'u', first, second, third, fourth])
}

/// The text for one sequence: `%u`, the digits, and lead bytes before or after it for those that
/// are not valid.
#[derive(Default)]
struct Text {
    bytes: [u8; 12],
    length: usize,
}

impl Text {
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn text(lead: u8, code: u32, length: usize) -> Text {
    let mut text = Text::default();
    if lead >= 0xf5 {
        text.push(lead);
    }
    text.push(b'%');
    text.push(b'u');
    let digits: [[u8; 2]; 4] = code.to_be_bytes().map(hex_lower);
    let skip = if code > 0xf_ffff {
        2
    } else if code > 0xffff {
        3
    } else {
        4
    };
    digits.iter().flatten().skip(skip).for_each(|digit| text.push(*digit));
    if (0xd800..=0xdfff).contains(&code) {
        text.push(lead);
    }
    let smallest = match length {
        2 => 0x80,
        3 => 0x800,
        _ => 0x1_0000,
    };
    if code < smallest {
        text.push(lead);
    }
    text
}
