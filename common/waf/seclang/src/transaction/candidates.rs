//! The rules of a phase that may match, and on which values: what the gate finds out before any
//! rule runs.

use super::values::Entry;
use super::variables::Variables;
use crate::arena::{narrow, widen};
use crate::gate::{Plan, User};
use crate::pipeline::NodeId;
use crate::rule::RuleBits;
use crate::ruleset::Phase;
use crate::variable::Variable;

/// A value that may match a rule, in the list of the rule's hits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub variable: Variable,
    pub entry: u32,
    /// Index of the target among the rule's.
    pub target: u16,
    /// The chain of transformations the rule sees it through.
    pub node: NodeId,
    rule: u32,
    /// The next hit of the same rule, or `LAST`.
    next: u32,
}

/// The end of a list of hits.
const LAST: u32 = u32::MAX;

/// A value the gate has seen, and the hits it had.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    variable: Option<Variable>,
    entry: u32,
    start: u32,
    end: u32,
    /// Hits are still being added.
    open: bool,
}

/// Values of one variable from which on it is worth looking for equal ones: lists of records repeat
/// names and words.
const REPEATS_WORTH: usize = 16;

/// Values remembered, a power of two; others are looked at again.
const SEEN_MAX: usize = 4096;

/// Rules and the values they may match.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    /// The rules that are to run.
    active: RuleBits,
    hits: Vec<Hit>,
    /// For each rule its first hit, or `LAST`.
    heads: Vec<u32>,
    /// Values by a hash of their text.
    seen: Vec<Seen>,
    /// The slot of the value that hits are being added to.
    last_seen: usize,
    /// The hits of one rule in the order it looks at them, with the keys they are sorted by.
    chosen: Vec<(u64, NodeId, u32)>,
}

impl Candidates {
    /// Forgets all but the rules that run whatever the values are.
    pub(super) fn begin(&mut self, phase: &Phase) {
        self.hits.clear();
        self.heads.clear();
        self.heads.resize(phase.rules.len(), LAST);
        self.active.copy_from(&phase.gate.always);
    }

    /// Returns the first rule at `from` or after it that is to run.
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        self.active.next(from)
    }

    /// Takes out rules that are not to run.
    pub(super) fn remove(&mut self, rules: &RuleBits) {
        self.active.remove_all(rules);
    }

    /// Returns the number of hits.
    pub(super) fn hits(&self) -> usize {
        self.hits.len()
    }

    /// Notes that a value may match a rule, if the rule sees it through one of `nodes`.
    pub(super) fn note(&mut self, plan: &Plan, user: &User, nodes: u64, entry: usize) {
        if nodes >> user.node & 1 == 0 {
            return;
        }
        self.push(Hit {
            variable: plan.variable,
            entry: narrow(entry),
            target: user.target,
            node: plan.nodes[usize::from(user.node)],
            rule: user.rule,
            next: LAST,
        });
    }

    fn push(&mut self, hit: Hit) {
        let rule = widen(hit.rule);
        let next = std::mem::replace(&mut self.heads[rule], narrow(self.hits.len()));
        self.hits.push(Hit { next, ..hit });
        self.active.insert(rule);
    }

    /// Gives a value the hits of an equal one before it, if there is one; else remembers where its
    /// own will begin.
    pub(super) fn repeat(&mut self, variable: Variable, entry: usize, variables: &Variables<'_>) -> bool {
        let column = variables.values.column(variable);
        if column.len() < REPEATS_WORTH {
            return false;
        }
        let text = variables.text(column[entry].value);
        let first = narrow(self.hits.len());
        if entry == 0 {
            self.seen.clear();
            self.seen.resize(column.len().next_power_of_two().clamp(64, SEEN_MAX), Seen::default());
        }
        // The value before this one is through: what hits it had are known now. After the end of
        // another variable's values its slot may be gone.
        if let Some(before) = self.seen.get_mut(self.last_seen).filter(|before| before.open) {
            (before.end, before.open) = (first, false);
        }
        let slot = quick_hash(text) & (self.seen.len() - 1);
        let seen = self.seen[slot];
        if !self.is_equal(&seen, variable, column, text, variables) {
            self.last_seen = slot;
            self.seen[slot] =
                Seen { variable: Some(variable), entry: narrow(entry), start: first, end: first, open: true };
            return false;
        }
        for at in seen.start..seen.end {
            let hit = self.hits[widen(at)];
            self.push(Hit { entry: narrow(entry), ..hit });
        }
        true
    }

    fn is_equal(
        &self,
        seen: &Seen,
        variable: Variable,
        column: &[Entry],
        text: &[u8],
        variables: &Variables<'_>,
    ) -> bool {
        seen.variable == Some(variable)
            && column.get(widen(seen.entry)).is_some_and(|known| variables.text(known.value) == text)
    }

    /// Returns the hits of a rule in the order of its targets and their values.
    pub(super) fn of(&mut self, rule: usize) -> impl Iterator<Item = Hit> {
        self.chosen.clear();
        let mut next = self.heads[rule];
        while next != LAST {
            let hit = &self.hits[widen(next)];
            let variable = u64::try_from(hit.variable.index()).unwrap_or_default();
            let order = u64::from(hit.target) << 48 | variable << 40 | u64::from(hit.entry);
            self.chosen.push((order, hit.node, next));
            next = hit.next;
        }
        self.chosen.sort_unstable();
        self.chosen.iter().map(|(.., hit)| self.hits[widen(*hit)])
    }
}

/// Hashes a text. Only speed depends on its quality.
fn quick_hash(text: &[u8]) -> usize {
    let mut hash = u64::try_from(text.len()).unwrap_or_default();
    for word in text.chunks(8) {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(word).for_each(|(slot, byte)| *slot = *byte);
        hash = (hash ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    usize::try_from((hash ^ hash >> 32) & 0xffff_ffff).unwrap_or_default()
}
