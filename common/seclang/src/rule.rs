//! Rules as the engine runs them.

use crate::action::{Act, Disruption};
use crate::macros::Template;
use crate::operator::Operator;
use crate::pipeline::NodeId;
use crate::target::Target;
use std::sync::Arc;

/// One rule (or one link of a chain), in its phase's list. The links of a chain follow their starter.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub id: u32,
    pub wanted: Box<[Target]>,
    pub excluded: Box<[Target]>,
    pub operator: Operator,
    pub negated: bool,
    /// The transformation chain.
    pub node: NodeId,
    /// The values `multiMatch` looks at; empty without it.
    pub multi: Box<[NodeId]>,
    pub capture: bool,
    pub acts: Box<[Act]>,
    /// Whether another link follows.
    pub chained: bool,
    /// Where the chain's first rule is in the phase's list.
    pub starter: u32,
    /// Where to go on after the whole chain, matched or not.
    pub next: u32,
    /// Where to go on after the whole chain matched, if not at `next`.
    pub jump: Option<u32>,
    pub facts: Arc<Facts>,
}

/// What the first rule of a chain says for all of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub disruption: Disruption,
    pub status: u16,
    pub log: bool,
    pub audit_log: bool,
    pub message: Option<(Template, String)>,
    pub log_data: Option<Template>,
    pub severity: Option<u8>,
    pub tags: Box<[(Template, String)]>,
    pub revision: Option<String>,
    pub version: Option<String>,
    pub file: Arc<str>,
    pub line: u32,
    /// The operator as written, for logs: name and argument.
    pub operator: (String, String),
}

/// A set of rules, by place in their phase's list (starters only).
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleBits {
    words: Vec<u64>,
}

impl RuleBits {
    pub fn reset(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len.div_ceil(64), 0);
    }

    pub fn insert(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    pub fn contains(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub fn insert_all(&mut self, other: &RuleBits) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    pub fn remove_all(&mut self, other: &RuleBits) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    pub fn copy_from(&mut self, other: &RuleBits) {
        self.words.clone_from(&other.words);
    }

    /// The first member at `from` or after.
    pub fn next(&self, from: usize) -> Option<usize> {
        let first = from / 64;
        let mut word = self.words.get(first).copied()? & (u64::MAX << (from % 64));
        let mut at = first;
        while word == 0 {
            at = at.saturating_add(1);
            word = self.words.get(at).copied()?;
        }
        Some(at.saturating_mul(64).saturating_add(crate::arena::widen(word.trailing_zeros())))
    }
}

#[cfg(test)]
mod tests {
    use super::RuleBits;

    #[test]
    fn finds_the_next_member() {
        let mut bits = RuleBits::default();
        bits.reset(300);
        [0, 63, 64, 299].into_iter().for_each(|at| bits.insert(at));
        assert_eq!([0, 1, 64, 65, 300].map(|from| bits.next(from)), [Some(0), Some(63), Some(64), Some(299), None]);
        assert!(bits.contains(63) && !bits.contains(62) && !bits.contains(1000));
    }
}
