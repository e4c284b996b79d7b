//! Finds, for many patterns at once, whether the first few bytes of a match occur together
//! somewhere in the value.

use std::ops::Range;

use super::{BITS_COUNT_MAX, Bits, WORDS, set_bit};
use crate::require::{PLACES, Positions};

/// Per byte, the beginnings that allow it at one place; the last entry is for "after the end of the
/// value".
type Table = [Bits; 257];

const END: usize = 256;

#[derive(Debug)]
pub(super) struct Starts {
    tables: Box<[Table; PLACES]>,
    pairs: Pairs,
}

/// The beginnings that occur in a value as far as it was looked at.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) bits: Bits,
    /// Those that the first piece does not have.
    pairs: Option<Pairs>,
}

/// Pairs of bytes.
const PAIRS: usize = 256 * 256;

impl Starts {
    pub(super) fn new(starts: &[Positions]) -> Self {
        let mut tables = Box::new([[[0; WORDS]; 257]; PLACES]);
        for (number, start) in starts.iter().enumerate().take(BITS_COUNT_MAX) {
            for (place, table) in tables.iter_mut().enumerate() {
                let free = place >= start.least;
                let set = start.sets.get(place);
                for (byte, words) in table.iter_mut().enumerate() {
                    let allowed = u8::try_from(byte).is_ok_and(|byte| set.is_some_and(|set| set.contains(byte)));
                    if free || allowed {
                        set_bit(words, number);
                    }
                }
            }
        }
        let pairs = Pairs::new(&tables, &[u64::MAX; WORDS]);
        Self { tables, pairs }
    }

    /// Returns the beginnings that occur in the value. The first part of a long value tells which
    /// are common in it; the rest is searched for the others alone.
    pub(super) fn find(&self, value: &[u8]) -> Bits {
        let mut found = Found::default();
        let sample = if value.len() < LONG_BYTES_MIN { value.len() } else { SAMPLE_BYTES };
        self.find_in(value, 0..sample, &mut found);
        if sample < value.len() {
            self.find_in(value, sample..value.len(), &mut found);
        }
        found.bits
    }

    /// Adds those that begin in a piece of the value, after the pieces before it.
    pub(super) fn find_in(&self, value: &[u8], piece: Range<usize>, found: &mut Found) {
        let end = value.len().min(piece.end + PLACES - 1);
        self.find_inside(&value[piece.start..end], found.pairs.as_ref().unwrap_or(&self.pairs), &mut found.bits);
        if piece.end == value.len() {
            self.find_at_end(value, &mut found.bits);
        } else if found.pairs.is_none() {
            found.pairs = Some(Pairs::new(&self.tables, &found.bits.map(|found| !found)));
        }
    }

    /// Adds those with all their places inside the value.
    fn find_inside(&self, value: &[u8], pairs: &Pairs, found: &mut Bits) {
        let [first, second, third, fourth] = self.tables.as_ref();
        for window in value.windows(PLACES) {
            if let [a, b, c, d] = window
                && pairs.allows(*a, *b)
            {
                let (a, b) = (&first[usize::from(*a)], &second[usize::from(*b)]);
                let (c, d) = (&third[usize::from(*c)], &fourth[usize::from(*d)]);
                for ((((all, a), b), c), d) in found.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *all |= a & b & c & d;
                }
            }
        }
    }

    /// Adds those at the last three places, where the value ends within the window.
    fn find_at_end(&self, value: &[u8], found: &mut Bits) {
        let [first, second, third, fourth] = self.tables.as_ref();
        for start in value.len().saturating_sub(PLACES - 1)..value.len() {
            let byte = |place: usize| value.get(start + place).map_or(END, |byte| usize::from(*byte));
            let (a, b) = (&first[byte(0)], &second[byte(1)]);
            let (c, d) = (&third[byte(2)], &fourth[byte(3)]);
            for ((((all, a), b), c), d) in found.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *all |= a & b & c & d;
            }
        }
    }
}

/// From this length on a table made for the value pays: it costs about as much as some thousand
/// bytes.
const LONG_BYTES_MIN: usize = 32 * 1024;

/// Bytes sampled to find the beginnings that are common in a long value.
const SAMPLE_BYTES: usize = 8 * 1024;

/// For every two bytes, one bit: any of some beginnings allows them at its first two places. Most
/// places of most values are ruled out by it.
#[derive(Debug)]
struct Pairs {
    words: Box<[u64; PAIRS / 64]>,
}

impl Pairs {
    /// Creates the table for the beginnings in `wanted`.
    fn new(tables: &[Table; PLACES], wanted: &Bits) -> Self {
        let mut words = Box::new([0; PAIRS / 64]);
        let [first, second, ..] = tables;
        for (a, words) in first.iter().zip(words.chunks_exact_mut(4)) {
            let mut wanted_here = [0; WORDS];
            wanted_here.iter_mut().zip(a).zip(wanted).for_each(|((here, a), wanted)| *here = a & wanted);
            if wanted_here == [0; WORDS] {
                continue;
            }
            for (b, row) in second.iter().take(256).enumerate() {
                let any = wanted_here.iter().zip(row).fold(0, |any, (a, b)| any | (a & b)) != 0;
                words[b / 64] |= u64::from(any) << (b % 64);
            }
        }
        Self { words }
    }

    fn allows(&self, a: u8, b: u8) -> bool {
        let pair = usize::from(a) << 8 | usize::from(b);
        self.words[pair / 64] >> (pair % 64) & 1 == 1
    }
}
