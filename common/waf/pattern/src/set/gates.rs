//! Terms that ask for no literal.

use super::numbers::Numbers;
use super::{BITS_COUNT_MAX, Bits, CandidateBits, Sight};
use crate::require::byte_rate;

/// The conditions that can be checked without looking for literals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Gate {
    /// Byte sets that must occur, and that must not.
    pub(super) present: Bits,
    pub(super) absent: Bits,
    /// The set that the value's first byte must belong to.
    pub(super) first: Bits,
    /// The beginning that must occur: one bit, or none.
    pub(super) start: Bits,
    pub(super) least: usize,
    pub(super) most: usize,
}

/// All gates of a set, those asking the same as one. Each is listed under one bit it asks for, the
/// rarest, and is looked at only when that bit was found: most values have few.
#[derive(Debug, Default)]
pub(super) struct Gates {
    by_start: Vec<Vec<Listed>>,
    by_byte_set: Vec<Vec<Listed>>,
    others: Vec<Listed>,
}

#[derive(Debug)]
struct Listed {
    gate: Gate,
    patterns: Box<[u32]>,
}

impl Gate {
    pub(super) fn admits(&self, sight: &Sight) -> bool {
        lacks(&self.present, &sight.present)
            | lacks(&self.start, &sight.starts)
            | lacks(&self.first, &sight.first)
            | common(&self.absent, &sight.present)
            == 0
            && self.least <= sight.length
            && sight.length <= self.most
    }
}

fn lacks(asked: &Bits, found: &Bits) -> u64 {
    asked.iter().zip(found).fold(0, |all, (asked, found)| all | (asked & !found))
}

fn common(absent: &Bits, found: &Bits) -> u64 {
    absent.iter().zip(found).fold(0, |all, (absent, found)| all | (absent & found))
}

/// Iterates over the numbers of the bits that are set, ascending.
fn numbers(bits: &Bits) -> impl Iterator<Item = usize> + '_ {
    (0_usize..).zip(bits).flat_map(|(place, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = usize::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
            left &= left.wrapping_sub(1);
            Some(place * 64 + bit)
        })
    })
}

impl Gates {
    pub(super) fn new(gates: Vec<(Gate, Vec<u32>)>, members: &Numbers) -> Self {
        let empty = || (0..BITS_COUNT_MAX).map(|_| Vec::new()).collect();
        let mut all = Self { by_start: empty(), by_byte_set: empty(), others: Vec::new() };
        let rate = |number: &usize| members.sets.get(*number).map_or(1.0, byte_rate);
        for (gate, patterns) in gates {
            let start = numbers(&gate.start).next().and_then(|number| all.by_start.get_mut(number));
            let rarest = numbers(&gate.present).min_by(|left, right| rate(left).total_cmp(&rate(right)));
            let by_byte_set = rarest.and_then(|number| all.by_byte_set.get_mut(number));
            let list = start.or(by_byte_set).unwrap_or(&mut all.others);
            list.push(Listed { gate, patterns: patterns.into_boxed_slice() });
        }
        all
    }

    /// Sets the patterns whose gates admit the value; returns whether there were any.
    pub(super) fn open(&self, sight: &Sight, bits: &mut CandidateBits) -> bool {
        let by_start = numbers(&sight.starts).filter_map(|number| self.by_start.get(number));
        let by_byte_set = numbers(&sight.present).filter_map(|number| self.by_byte_set.get(number));
        let mut any = false;
        for listed in by_start.chain(by_byte_set).flatten().chain(&self.others) {
            if listed.gate.admits(sight) {
                any = true;
                listed.patterns.iter().for_each(|pattern| bits.insert(*pattern));
            }
        }
        any
    }

    pub(super) fn memory_usage(&self) -> usize {
        let lists = self.by_start.iter().chain(&self.by_byte_set).chain([&self.others]);
        let bytes = |listed: &Listed| size_of::<Listed>() + listed.patterns.len() * 4;
        lists.map(|list| list.iter().map(bytes).sum::<usize>() + 24).sum()
    }
}
