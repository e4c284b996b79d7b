//! Which of many patterns may match a value.

use crate::{CompileError, Requirement, Scratch};

/// The requirements of many patterns in one structure. Patterns are numbered from 0 in the order given.
#[derive(Debug, Clone)]
pub struct PatternSet {
    len: usize,
}

/// One bit per pattern of a [`PatternSet`]. Reuse it between calls: it keeps its memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CandidateBits {
    words: Vec<u64>,
}

impl PatternSet {
    /// Builds the set.
    pub fn new<'a>(requirements: impl IntoIterator<Item = &'a Requirement>) -> Result<Self, CompileError> {
        Ok(Self { len: requirements.into_iter().count() })
    }

    /// How many patterns the set has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set has no pattern.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets in `bits` (cleared first) every pattern that may match `value`; whether there is any.
    /// A pattern whose bit is not set does not match.
    pub fn candidates(&self, _value: &[u8], _scratch: &mut Scratch, bits: &mut CandidateBits) -> bool {
        bits.clear(self.len);
        (0..self.len).for_each(|index| bits.insert(index));
        self.len > 0
    }
}

impl CandidateBits {
    /// Whether pattern `index` may match.
    pub fn contains(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// The patterns that may match, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.words.len().saturating_mul(64)).filter(|index| self.contains(*index))
    }

    /// Whether no pattern may match.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn clear(&mut self, patterns: usize) {
        self.words.clear();
        self.words.resize(patterns.div_ceil(64), 0);
    }

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.words.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }
}
