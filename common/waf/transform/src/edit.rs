//! The one way a transformation writes: it names what to replace, and the rest is copied or
//! borrowed.

use crate::outcome::Outcome;

/// A copy of `input` under change. Until the first change nothing is written, so a value without
/// anything to decode costs its scan alone.
pub(crate) struct Edit<'i, 'o> {
    input: &'i [u8],
    out: &'o mut Vec<u8>,
    copied: usize,
    edited: bool,
}

impl<'i, 'o> Edit<'i, 'o> {
    pub(crate) fn new(input: &'i [u8], out: &'o mut Vec<u8>) -> Self {
        Self { input, out, copied: 0, edited: false }
    }

    /// Puts `with` in the place of `input[from..to]`. Calls come in ascending order.
    #[inline]
    pub(crate) fn replace(&mut self, from: usize, to: usize, with: &[u8]) {
        self.begin(from);
        self.out.extend_from_slice(with);
        self.copied = to;
    }

    /// Puts one byte in the place of `input[from..to]`.
    #[inline]
    pub(crate) fn replace_byte(&mut self, from: usize, to: usize, with: u8) {
        self.begin(from);
        self.out.push(with);
        self.copied = to;
    }

    /// Takes `input[from..to]` out.
    #[inline]
    pub(crate) fn remove(&mut self, from: usize, to: usize) {
        self.begin(from);
        self.copied = to;
    }

    #[inline]
    fn begin(&mut self, from: usize) {
        if !self.edited {
            self.edited = true;
            // One growth for the whole value: nearly every decoder shrinks it.
            self.out.reserve(self.input.len());
        }
        self.out.extend_from_slice(&self.input[self.copied..from]);
    }

    /// Copies the rest, if anything was changed.
    pub(crate) fn finish(self) -> Outcome {
        if !self.edited {
            return Outcome::Same;
        }
        self.out.extend_from_slice(&self.input[self.copied..]);
        Outcome::Written
    }
}

/// Bytes looked at together by [`first_where`]: a vector register or two on every machine, and
/// short enough that finding the exact place afterwards costs little.
const LOOK_BYTES: usize = 32;

/// Bytes looked at one by one before that: where one byte is wanted the next one often is too, and
/// a block for each would cost a hundred times what it finds.
const NEAR_BYTES: usize = 6;

/// Returns the position of the first byte at or after `from` for which `wanted` holds. The blocks
/// have no early exit, which is what lets the compiler use vector instructions for any set of
/// bytes.
#[inline]
pub(crate) fn first_where(input: &[u8], from: usize, wanted: impl Fn(u8) -> bool + Copy) -> Option<usize> {
    let rest = input.get(from..)?;
    let (near, far) = rest.split_at(rest.len().min(NEAR_BYTES));
    if let Some(at) = near.iter().position(|byte| wanted(*byte)) {
        return Some(from + at);
    }
    let mut passed = from + near.len();
    for block in far.chunks(LOOK_BYTES) {
        if block.iter().fold(false, |any, byte| any | wanted(*byte)) {
            return block.iter().position(|byte| wanted(*byte)).map(|at| passed + at);
        }
        passed += block.len();
    }
    None
}

/// Maps every byte through `map`, from the first one for which `changes` holds.
#[inline]
pub(crate) fn map_bytes(
    input: &[u8],
    out: &mut Vec<u8>,
    changes: impl Fn(u8) -> bool + Copy,
    map: impl Fn(u8) -> u8,
) -> Outcome {
    let Some(at) = first_where(input, 0, changes) else { return Outcome::Same };
    let (same, rest) = input.split_at(at);
    out.reserve(input.len());
    out.extend_from_slice(same);
    out.extend(rest.iter().map(|byte| map(*byte)));
    Outcome::Written
}

/// Keeps what was appended after `base`, unless it is the input again.
pub(crate) fn unless_same(input: &[u8], out: &mut Vec<u8>, base: usize) -> Outcome {
    if out.get(base..) == Some(input) {
        out.truncate(base);
        return Outcome::Same;
    }
    Outcome::Written
}

/// Returns the byte at `at`, if there is one.
#[inline]
pub(crate) fn at(input: &[u8], at: usize) -> Option<u8> {
    input.get(at).copied()
}

/// Returns the value of a hexadecimal digit.
#[inline]
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Returns the byte written as two hexadecimal digits at `from`.
#[inline]
pub(crate) fn hex_pair(input: &[u8], from: usize) -> Option<u8> {
    match input.get(from..from + 2)? {
        [high, low] => Some(hex_digit(*high)? << 4 | hex_digit(*low)?),
        _ => None,
    }
}

/// Returns the number written as four hexadecimal digits at `from`.
#[inline]
pub(crate) fn hex_quad(input: &[u8], from: usize) -> Option<u16> {
    Some(u16::from_be_bytes([hex_pair(input, from)?, hex_pair(input, from + 2)?]))
}

/// Returns the low byte of a code point, with full-width ASCII (U+FF01 to U+FF5E) folded to ASCII:
/// what SecLang's decoders make of a code point that needs more than one byte.
#[inline]
pub(crate) fn narrow(code: u16) -> u8 {
    let [high, low] = code.to_be_bytes();
    if high == 0xff && (0x01..=0x5e).contains(&low) { low + 0x20 } else { low }
}

/// Reads an octal escape of at most `digits_max` digits at `from`; returns its value and the number
/// of digits it took (0 if none).
#[inline]
pub(crate) fn octal(input: &[u8], from: usize, digits_max: usize) -> (u16, usize) {
    let digits = input[from..].iter().take(digits_max);
    digits
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .fold((0, 0), |(value, count), digit| (value * 8 + u16::from(digit - b'0'), count + 1))
}

/// Returns whether the C locale counts the byte as whitespace.
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte.wrapping_sub(b'\t') < 5
}

/// Returns whether the byte is whitespace or the no-break space of ISO 8859-1, as SecLang counts
/// it.
#[inline]
pub(crate) fn is_space_or_nbsp(byte: u8) -> bool {
    is_space(byte) | (byte == 0xa0)
}
