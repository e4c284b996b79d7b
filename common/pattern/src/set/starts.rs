//! Whether the first few bytes of a match stand together somewhere in the value, for many patterns at once.

use super::{BITS_COUNT_MAX, Bits, WORDS, set_bit};
use crate::require::{PLACES, Positions};

/// Per byte, the beginnings that allow it at one place; the last entry is for "after the end of the value".
type Table = [Bits; 257];

const END: usize = 256;

#[derive(Debug)]
pub(super) struct Starts {
    tables: Box<[Table; PLACES]>,
    /// For every two bytes, one bit: whether any beginning allows them at its first two places. Most places of most values
    /// are ruled out by it.
    pairs: Box<[u64; PAIRS / 64]>,
}

/// How many two bytes there are.
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
        let mut pairs = Box::new([0; PAIRS / 64]);
        let [first, second, ..] = tables.as_ref();
        for (pair, (a, b)) in
            first.iter().take(256).flat_map(|a| second.iter().take(256).map(move |b| (a, b))).enumerate()
        {
            let any = a.iter().zip(b).any(|(a, b)| a & b != 0);
            if let Some(word) = pairs.get_mut(pair / 64).filter(|_| any) {
                *word |= 1 << (pair % 64);
            }
        }
        Self { tables, pairs }
    }

    /// Whether a beginning allows these bytes at its first two places.
    fn allows(&self, a: u8, b: u8) -> bool {
        let pair = usize::from(a) << 8 | usize::from(b);
        self.pairs.get(pair / 64).is_some_and(|word| word >> (pair % 64) & 1 == 1)
    }

    /// The beginnings that stand somewhere in the value.
    pub(super) fn find(&self, value: &[u8]) -> Bits {
        let mut found = [0; WORDS];
        let [first, second, third, fourth] = self.tables.as_ref();
        let mut places = value.windows(PLACES);
        for window in places.by_ref() {
            if let [a, b, c, d] = window
                && self.allows(*a, *b)
            {
                let (a, b) = (row(first, usize::from(*a)), row(second, usize::from(*b)));
                let (c, d) = (row(third, usize::from(*c)), row(fourth, usize::from(*d)));
                for ((((all, a), b), c), d) in found.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *all |= a & b & c & d;
                }
            }
        }
        // The last three places, where the value ends within the window.
        for start in value.len().saturating_sub(PLACES.saturating_sub(1))..value.len() {
            let byte = |place: usize| value.get(start.saturating_add(place)).map_or(END, |byte| usize::from(*byte));
            let (a, b) = (row(first, byte(0)), row(second, byte(1)));
            let (c, d) = (row(third, byte(2)), row(fourth, byte(3)));
            for ((((all, a), b), c), d) in found.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *all |= a & b & c & d;
            }
        }
        found
    }
}

fn row(table: &Table, byte: usize) -> &Bits {
    table.get(byte).unwrap_or(&[0; WORDS])
}
