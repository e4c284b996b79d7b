//! Memory that sources share, and the part of each.

use std::collections::HashMap;

use crate::Source;

/// Bytes that are in use, in all and by source.
#[derive(Debug, Default)]
pub struct Budget {
    max: u64,
    bytes: u64,
    by_source: HashMap<Source, u64>,
}

impl Budget {
    /// Makes a budget of `max` bytes.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self { max, ..Self::default() }
    }

    /// Returns the bytes that `source` may still add. A source may have as much as is left
    /// afterwards: alone it gets half of all, two a third each, and whoever comes last finds room,
    /// without anything being taken from others.
    #[must_use]
    pub fn room(&self, source: Source) -> usize {
        let own = self.by_source.get(&source).copied().unwrap_or(0);
        let left = (self.max - self.max.min(self.bytes)) / 2;
        usize::try_from(left - left.min(own / 2)).unwrap_or(usize::MAX)
    }

    /// Returns the bytes that are in use.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Counts bytes that a source uses from now on.
    pub fn add(&mut self, source: Source, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes += bytes;
        *self.by_source.entry(source).or_default() += bytes;
    }

    /// Gives back bytes that a source has used.
    pub fn sub(&mut self, source: Source, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.bytes -= bytes;
        if let Some(own) = self.by_source.get_mut(&source) {
            *own -= bytes;
            if *own == 0 {
                self.by_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(n: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n])
    }

    /// Lets a source take all it may, in small steps.
    fn fill(budget: &mut Budget, source: Source) -> u64 {
        let before = budget.bytes();
        while budget.room(source) > 0 {
            budget.add(source, budget.room(source).min(1000));
        }
        budget.bytes() - before
    }

    #[test]
    fn one_source_gets_half_and_whoever_comes_last_still_finds_room() {
        let mut budget = Budget::new(1 << 20);
        let got: Vec<u64> = (1..6).map(|n| fill(&mut budget, source(n))).collect();
        assert!(got[0].abs_diff(1 << 19) < 100, "{got:?}");
        assert!(got.windows(2).all(|pair| pair[1] <= pair[0] && pair[1] > pair[0] / 3), "{got:?}");
        assert!(got[4] > 0 && budget.bytes() <= 1 << 20);
    }

    #[test]
    fn what_a_source_gives_back_is_there_for_others() {
        let mut budget = Budget::new(1 << 20);
        let first = fill(&mut budget, source(1));
        let before = budget.room(source(2));
        budget.sub(source(1), usize::try_from(first).unwrap());
        assert!(budget.room(source(2)) > before);
        assert_eq!((budget.bytes(), budget.by_source.len()), (0, 0));
    }
}
