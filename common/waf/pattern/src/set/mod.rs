//! Sets of patterns: finds which of many may match a value.
//!
//! It looks at the value three times, each cheap: for the byte sets that occur (one table, one
//! pass), for the literals (one automaton, one pass), and then, for each term met, for the rest of
//! it.

mod bits;
mod build;
mod gates;
mod numbers;
mod scan;
mod search;
mod starts;

pub use bits::CandidateBits;
pub(crate) use scan::Seen;
pub use search::{PIECE_BYTES, Search};

use crate::{CompileError, Requirement, Scratch};

/// The requirements of many patterns in one structure. Patterns are numbered from 0 in the order
/// given.
///
/// A rule engine makes one per chain of transformations, over the patterns that run on its result,
/// and one over all patterns: where every chain leaves a value unchanged (most values), one call
/// serves them all.
#[derive(Debug)]
pub struct PatternSet {
    patterns: usize,
    /// Per byte value, the byte sets it belongs to, one bit each.
    memberships: Box<[Bits; 256]>,
    /// Per byte value, the sets of a value's first byte it belongs to.
    firsts: Box<[Bits; 256]>,
    starts: Option<starts::Starts>,
    literals: Option<scan::Literals>,
    rows: Vec<Row>,
    gates: gates::Gates,
}

/// Words of bits: they tell 192 byte sets apart, and 192 beginnings. Their tables take 36 KiB.
const WORDS: usize = 3;

/// From this length on a value has most bytes more than once.
const LONG_BYTES_MIN: usize = 160;

/// One bit per byte set, or per beginning.
type Bits = [u64; WORDS];

/// Byte sets, or beginnings, that fit.
const BITS_COUNT_MAX: usize = WORDS * 64;

/// Sets bit `number`.
fn set_bit(bits: &mut Bits, number: usize) {
    bits[number / 64] |= 1 << (number % 64);
}

/// One term with literals.
#[derive(Debug)]
struct Row {
    gate: gates::Gate,
    pattern: u32,
}

/// The result of one pass over a value.
#[derive(Debug, Default)]
struct Sight {
    present: Bits,
    first: Bits,
    starts: Bits,
    length: usize,
}

impl PatternSet {
    /// Builds the set.
    pub fn new<'a>(requirements: impl IntoIterator<Item = &'a Requirement>) -> Result<Self, CompileError> {
        build::build(&requirements.into_iter().collect::<Vec<_>>())
    }

    /// Returns the number of patterns.
    pub fn len(&self) -> usize {
        self.patterns
    }

    /// Returns whether the set has no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns == 0
    }

    /// Returns the approximate heap bytes.
    pub fn memory_usage(&self) -> usize {
        let literals = self.literals.as_ref().map_or(0, scan::Literals::memory_usage);
        let rows = self.rows.len() * size_of::<Row>();
        literals + rows + self.gates.memory_usage() + 12_288 + if self.starts.is_some() { 32_864 } else { 0 }
    }

    /// Sets in `bits`, cleared first, every pattern that may match `value`; returns whether there
    /// is any. A pattern whose bit is not set does not match.
    pub fn candidates(&self, value: &[u8], scratch: &mut Scratch, bits: &mut CandidateBits) -> bool {
        bits.clear(self.patterns);
        let sight = self.sight(value);
        let any = self.gates.open(&sight, bits);
        match &self.literals {
            Some(literals) => literals.scan_whole(value, (&sight, &self.rows), &mut scratch.seen, bits) || any,
            None => any,
        }
    }

    /// Returns the byte sets that occur. A long value is first asked which bytes it has, a store
    /// for each.
    fn present(&self, value: &[u8]) -> Bits {
        let mut present = Bits::default();
        let mut meet = |byte: u8| {
            let sets = self.memberships[usize::from(byte)];
            present.iter_mut().zip(sets).for_each(|(all, more)| *all |= more);
        };
        if value.len() < LONG_BYTES_MIN {
            value.iter().for_each(|byte| meet(*byte));
            return present;
        }
        let mut there = [false; 256];
        for byte in value {
            there[usize::from(*byte)] = true;
        }
        (0..=u8::MAX).zip(there).filter(|(_, there)| *there).for_each(|(byte, _)| meet(byte));
        present
    }

    fn sight(&self, value: &[u8]) -> Sight {
        let starts = self.starts.as_ref().map(|starts| starts.find(value)).unwrap_or_default();
        Sight { present: self.present(value), starts, ..self.sight_of_first(value) }
    }

    /// Returns what the first byte and the length of a value tell.
    fn sight_of_first(&self, value: &[u8]) -> Sight {
        let first = value.first().map(|byte| self.firsts[usize::from(*byte)]).unwrap_or_default();
        Sight { first, length: value.len(), ..Sight::default() }
    }
}
