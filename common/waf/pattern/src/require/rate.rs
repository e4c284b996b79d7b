//! Estimates of how common bytes and literals are in ordinary values. They decide which of several
//! necessary conditions is asked, never whether one is right.

use super::Literal;
use crate::byteset::ByteSet;
use std::sync::LazyLock;

/// Letters of English text from common to rare; the rest of the alphabet follows from the position.
const LETTERS: &[u8; 26] = b"etaoinsrhldcumfpgwybvkxjqz";

/// Returns the share of bytes of ordinary values (text, numbers, addresses, JSON) that are this
/// byte, case aside.
const fn estimate(byte: u8) -> f32 {
    match byte {
        b' ' => 0.12,
        b'0'..=b'9' => 0.02,
        b'"' | b'=' | b'/' | b'-' | b'_' | b'.' | b',' | b':' => 0.015,
        b'&' | b'%' | b'+' | b';' | b'\n' | b'\r' | b'\'' => 0.006,
        b'(' | b')' | b'?' | b'{' | b'}' | b'[' | b']' => 0.004,
        b'!' | b'@' | b'*' | b'<' | b'>' | b'#' | b'$' | b'\t' => 0.002,
        0x80..=0xff => 0.000_3,
        _ => 0.000_6,
    }
}

/// Per byte; an upper case letter counts as its lower case.
static RATES: LazyLock<[f32; 256]> = LazyLock::new(|| {
    let mut rates = [0.0; 256];
    rates.iter_mut().zip(0..=u8::MAX).for_each(|(rate, byte)| *rate = estimate(byte));
    for (letter, estimate) in LETTERS.iter().zip(LETTER_RATES) {
        for byte in [*letter, letter.to_ascii_uppercase()] {
            rates.iter_mut().skip(usize::from(byte)).take(1).for_each(|rate| *rate = estimate);
        }
    }
    rates
});

fn byte(byte: u8) -> f32 {
    RATES[usize::from(byte)]
}

const LETTER_RATES: [f32; 26] = [
    0.09, 0.065, 0.06, 0.055, 0.05, 0.05, 0.045, 0.045, 0.04, 0.03, 0.03, 0.022, 0.02, 0.018, 0.016, 0.016, 0.015,
    0.015, 0.014, 0.012, 0.008, 0.007, 0.002, 0.002, 0.001, 0.001,
];

/// Returns the estimate for any byte of a set.
pub(crate) fn bytes(set: &ByteSet) -> f32 {
    let folded = set.fold_case();
    folded.iter().filter(|byte| !byte.is_ascii_uppercase()).map(byte).sum()
}

/// Returns the estimate for a literal. Letters follow each other in habitual ways: a word is more
/// common than its letters alone would make it.
pub(super) fn literal(literal: &[u8]) -> f32 {
    let mut rate = 1.0_f32;
    let mut letters = 0_i32;
    for &found in literal {
        rate *= byte(found);
        letters += i32::from(found.is_ascii_lowercase());
    }
    rate * 2.2_f32.powi((letters - 1).max(0))
}

/// Returns the estimate for any of several literals.
pub(super) fn literals(literals: &[Literal]) -> f32 {
    literals.iter().map(|one| literal(one)).sum()
}
