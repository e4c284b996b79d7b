//! Rules as the engine runs them.

use crate::action::{Act, Disruption};
use crate::arena::Span;
use crate::collection_set::CollectionSet;
use crate::macros::{Part, Reference, Template};
use crate::operator::{Operator, Order};
use crate::pipeline::NodeId;
use crate::target::Target;
use crate::variable::Variable;
use std::sync::Arc;

/// One rule (or one link of a chain), in its phase's list. The links of a chain follow their
/// starter.
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
    /// Another link of the chain follows.
    pub chained: bool,
    /// Index of the chain's first rule in the phase's list.
    pub starter: u32,
    /// Index of the rule after the whole chain, matched or not.
    pub next: u32,
    /// Index of the rule after the whole chain if that matched, in place of `next`.
    pub jump: Option<u32>,
    /// The persistent collections that the rule, or for a chain's first rule any of its links,
    /// looks at.
    pub reads: CollectionSet,
    /// A test of numbers alone, where that is all the rule is.
    pub quick: Option<Quick>,
    pub facts: Arc<Facts>,
}

/// A comparison of a TX variable with a number: what the control flow of rule sets is made of.
/// Where it fails, the rule does not match; where it holds, the rule is evaluated like any other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quick {
    slot: u16,
    count: bool,
    order: Order,
    negated: bool,
    right: Right,
}

#[derive(Clone, Copy, Debug)]
enum Right {
    Number(i64),
    Slot(u16),
}

impl Quick {
    /// Creates the quick test of a rule, if it has one; `constant` gives the number a constant text
    /// is.
    pub(crate) fn new(
        targets: &[Target],
        node: NodeId,
        operator: &Operator,
        negated: bool,
        constant: impl Fn(Span) -> i64,
    ) -> Option<Self> {
        let [Target { variable: Variable::Tx, slot: Some(slot), count, .. }] = targets else { return None };
        let Operator::Number(order, template) = operator else { return None };
        let right = match &*template.parts {
            [Part::Reference(Reference::Tx(slot))] => Right::Slot(*slot),
            _ => Right::Number(constant(template.constant()?)),
        };
        (node == 0).then_some(Quick { slot: *slot, count: *count, order: *order, negated, right })
    }

    /// Returns whether the rule matches; `value` gives a slot's number, `None` where it is not set.
    #[inline]
    pub(crate) fn holds(&self, value: impl Fn(u16) -> Option<i64>) -> bool {
        let left = value(self.slot);
        let left = if self.count { Some(i64::from(left.is_some())) } else { left };
        let right = match self.right {
            Right::Number(number) => number,
            Right::Slot(slot) => value(slot).unwrap_or(0),
        };
        left.is_some_and(|left| self.order.holds(left, right) != self.negated)
    }
}

/// The properties that the first rule of a chain has for all of it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub disruption: Disruption,
    pub status: u16,
    pub log: bool,
    pub audit_log: bool,
    pub message: Option<(Template, String)>,
    pub log_data: Option<(Template, String)>,
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
    pub(crate) fn reset(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len.div_ceil(64), 0);
    }

    pub(crate) fn insert(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }

    pub(crate) fn contains(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub(crate) fn insert_all(&mut self, other: &RuleBits) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    pub(crate) fn remove_all(&mut self, other: &RuleBits) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    pub(crate) fn copy_from(&mut self, other: &RuleBits) {
        self.words.clone_from(&other.words);
    }

    /// Returns the first member at `from` or after.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let first = from / 64;
        let mut word = self.words.get(first).copied()? & (u64::MAX << (from % 64));
        let mut at = first;
        while word == 0 {
            at += 1;
            word = self.words.get(at).copied()?;
        }
        Some(at * 64 + crate::arena::widen(word.trailing_zeros()))
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
