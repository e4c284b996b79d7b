//! Sets of fixed phrases, searched for at once, as `@pm` and `@pmFromFile` ask for.

use crate::{CompileError, Requirement};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// The phrases of one `@pm`, matched without regard to ASCII case.
#[derive(Debug, Clone)]
pub struct PhraseSet {
    automaton: AhoCorasick,
    requirement: Requirement,
}

/// One phrase found in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhraseMatch {
    /// Byte offset of the first byte.
    pub start: usize,
    /// Byte offset after the last byte.
    pub end: usize,
    /// The phrase's index, from 0, in the order given to [`PhraseSet::new`].
    pub index: usize,
}

impl PhraseSet {
    /// Compiles the phrases. Empty phrases are an error: they would match everything.
    pub fn new<P: AsRef<[u8]>>(phrases: impl IntoIterator<Item = P>) -> Result<Self, CompileError> {
        let phrases: Vec<P> = phrases.into_iter().collect();
        if phrases.iter().any(|phrase| phrase.as_ref().is_empty()) {
            return Err(CompileError::new(0, "an empty phrase matches everything"));
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(phrases.iter().map(AsRef::as_ref))
            .map_err(|error| CompileError::new(0, error.to_string()))?;
        let requirement = Requirement::any_of(phrases.iter().map(AsRef::as_ref));
        Ok(Self { automaton, requirement })
    }

    /// Finds the phrase that ends first in the value; of several that end there, the longest.
    pub fn find(&self, value: &[u8]) -> Option<PhraseMatch> {
        let found = self.automaton.find(value)?;
        Some(PhraseMatch { start: found.start(), end: found.end(), index: found.pattern().as_usize() })
    }

    /// Returns the conditions a value must meet to contain any phrase, for a
    /// [`PatternSet`](crate::PatternSet).
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }
}
