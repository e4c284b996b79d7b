//! The result of a pattern set.

/// One bit per pattern of a [`PatternSet`](crate::PatternSet). Reuse it between calls: it keeps its
/// memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CandidateBits {
    words: Vec<u64>,
}

impl CandidateBits {
    /// Returns whether pattern `index` may match.
    pub fn contains(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Iterates over the patterns that may match, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(place, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                left &= left.wrapping_sub(1);
                Some(place * 64 + bit)
            })
        })
    }

    /// Returns whether no pattern may match.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn clear(&mut self, patterns: usize) {
        self.words.clear();
        self.words.resize(patterns.div_ceil(64), 0);
    }

    pub(crate) fn insert(&mut self, pattern: u32) {
        let place = usize::try_from(pattern / 64).unwrap_or(usize::MAX);
        self.words[place] |= 1 << (pattern % 64);
    }
}
