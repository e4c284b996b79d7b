//! Byte sets and the bits that stand for them.

use super::{BITS_COUNT_MAX, Bits, set_bit};
use crate::byteset::ByteSet;
use std::collections::BTreeMap;

/// Byte sets, numbered: the most used first.
pub(super) struct Numbers {
    pub(super) sets: Vec<ByteSet>,
}

impl Numbers {
    pub(super) fn new(sets: impl Iterator<Item = (ByteSet, usize)>) -> Self {
        let mut counts: BTreeMap<ByteSet, usize> = BTreeMap::new();
        sets.for_each(|(set, weight)| {
            let count = counts.entry(set).or_default();
            *count += weight;
        });
        let mut sets: Vec<(usize, ByteSet)> = counts.into_iter().map(|(set, count)| (count, set)).collect();
        sets.sort_by(|left, right| right.cmp(left));
        sets.truncate(BITS_COUNT_MAX);
        Self { sets: sets.into_iter().map(|(_, set)| set).collect() }
    }

    /// Returns the bits of these sets. A set without a bit asks for nothing.
    pub(super) fn bits(&self, asked: &[ByteSet]) -> Bits {
        let mut bits = Bits::default();
        for (number, _) in self.sets.iter().enumerate().filter(|(_, set)| asked.contains(set)) {
            set_bit(&mut bits, number);
        }
        bits
    }

    pub(super) fn table(&self) -> Box<[Bits; 256]> {
        let mut table = Box::new([Bits::default(); 256]);
        for (bits, byte) in table.iter_mut().zip(0..=u8::MAX) {
            for (number, _) in self.sets.iter().enumerate().filter(|(_, set)| set.contains(byte)) {
                set_bit(bits, number);
            }
        }
        table
    }
}
