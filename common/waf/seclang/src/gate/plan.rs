//! The work that a gate does on one variable.

use super::probe::Probe;
use crate::arena::{narrow, widen};
use crate::pipeline::{HIGH, NUL, NodeId, Pipelines};
use crate::variable::Variable;
use std::collections::BTreeSet;

/// A rule that asks a pattern about a variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub rule: u32,
    /// Index of the target among the rule's.
    pub target: u16,
    /// Index of the node among the plan's.
    pub node: u8,
}

/// A rule whose operator can only hold for values with a byte of some classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Classed {
    pub user: User,
    pub classes: u32,
    pub probe: Probe,
}

/// The work to be done on the values of one variable.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub variable: Variable,
    /// Index, among the gate's sets, of the one with the patterns asked about it.
    pub set: usize,
    /// The chains wanted of it.
    pub nodes: Box<[NodeId]>,
    /// For each class of bytes, the nodes whose chains act on it, one bit each.
    touched: [u64; 32],
    /// For lengths of a stored value, the nodes that can make something of it that is long enough
    /// for one of their rules, one bit each: for values of ASCII alone, and for others.
    reachable: [Box<[u64; LENGTHS]>; 2],
    /// For lengths of what was made, the nodes some rule of which can match it.
    fitting: Box<[u64; LENGTHS]>,
    /// The rules gated by classes.
    pub classed: Box<[Classed]>,
    /// A probe is asked for entries of some names only, so that equal values are not equal to the
    /// gate.
    pub named: bool,
    /// For each pattern of its set, where its users begin; one more for the end.
    starts: Box<[u32]>,
    users: Box<[User]>,
}

impl Plan {
    /// Creates the plan of one variable from the candidates that ask for it.
    #[expect(clippy::too_many_lines, reason = "tables over one list of candidates, each a few lines")]
    pub(super) fn new(candidates: &[Candidate], groups: &[BTreeSet<usize>], pipelines: &Pipelines) -> Self {
        let patterns = patterns_of(candidates);
        let set = groups.iter().position(|group| patterns.is_subset(group)).unwrap_or_default();
        let numbers = groups.get(set).into_iter().flatten();
        let mut nodes: Vec<NodeId> = candidates.iter().map(|candidate| candidate.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut touched = [0u64; 32];
        for (place, node) in nodes.iter().enumerate() {
            let acts_on = pipelines.get(*node).map_or(u32::MAX, |node| node.acts_on);
            for (class, nodes) in touched.iter_mut().enumerate() {
                *nodes |= u64::from(acts_on >> class & 1).checked_shl(narrow(place)).unwrap_or(0);
            }
        }
        let least = |node: NodeId| {
            let candidates = candidates.iter().filter(move |candidate| candidate.node == node);
            candidates.map(|candidate| candidate.least).min().unwrap_or_default().min(LENGTHS - 1)
        };
        let by_length = |least: &dyn Fn(NodeId) -> usize| {
            let mut table = Box::new([0u64; LENGTHS]);
            for (place, node) in nodes.iter().enumerate() {
                let bit = 1u64.checked_shl(narrow(place)).unwrap_or(0);
                table.iter_mut().skip(least(*node).min(LENGTHS - 1)).for_each(|nodes| *nodes |= bit);
            }
            table
        };
        let reachable = [false, true].map(|ascii| by_length(&|node| pipelines.least_before(node, least(node), ascii)));
        let fitting = by_length(&least);
        let place = |node: NodeId| u8::try_from(nodes.partition_point(|known| *known < node)).unwrap_or(u8::MAX);
        let user = |candidate: &Candidate| User {
            rule: candidate.rule,
            target: candidate.target,
            node: place(candidate.node),
        };
        let asking = candidates.iter().filter(|candidate| candidate.pattern != CLASSED);
        let classed = candidates.iter().filter(|candidate| candidate.pattern == CLASSED);
        let ends = numbers.map(|pattern| narrow(candidates.partition_point(|candidate| candidate.pattern <= *pattern)));
        Self {
            named: candidates.iter().any(|candidate| candidate.named && candidate.probe != Probe::None),
            variable: candidates.first().map_or(Variable::Args, |candidate| candidate.variable),
            set,
            starts: std::iter::once(0).chain(ends).collect(),
            users: asking.map(user).collect(),
            classed: classed
                .map(|candidate| Classed { user: user(candidate), classes: candidate.classes, probe: candidate.probe })
                .collect(),
            touched,
            reachable,
            fitting,
            nodes: nodes.into(),
        }
    }

    /// Returns the nodes, one bit each, that may change a value with these classes of bytes; the
    /// others leave it as it is.
    pub(crate) fn touched_by(&self, mut classes: u32) -> u64 {
        let mut touched = 0;
        while classes != 0 {
            let class = classes.trailing_zeros();
            touched |= self.touched[widen(class)];
            classes &= classes.wrapping_sub(1);
        }
        touched
    }

    /// Returns the nodes, one bit each, for which a value of these classes and this length is worth
    /// transforming.
    pub(crate) fn reachable_by(&self, classes: u32, len: usize) -> u64 {
        let [others, ascii] = &self.reachable;
        let table = if classes & (HIGH | NUL) == 0 { ascii } else { others };
        table[len.min(LENGTHS - 1)]
    }

    /// Returns the nodes, one bit each, some rule of which can match a value of this length.
    pub(crate) fn fitting(&self, len: usize) -> u64 {
        self.fitting[len.min(LENGTHS - 1)]
    }

    /// Returns all nodes, one bit each.
    pub(crate) fn all(&self) -> u64 {
        u64::MAX.checked_shr(64 - narrow(self.nodes.len())).unwrap_or(0)
    }

    /// Returns the rules that ask pattern `pattern` about this variable.
    pub(crate) fn users(&self, pattern: usize) -> &[User] {
        let at = |index: usize| widen(self.starts[index]);
        &self.users[at(pattern)..at(pattern + 1)]
    }
}

/// Lengths with an entry of their own, the last one for all that is longer. No pattern asks for
/// that many bytes.
const LENGTHS: usize = 64;

/// A rule that asks for a variable through a chain.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Candidate {
    pub variable: Variable,
    /// The number of a pattern, or [`CLASSED`] and above for classes.
    pub pattern: usize,
    pub node: NodeId,
    pub rule: u32,
    pub target: u16,
    pub classes: u32,
    pub probe: Probe,
    /// The target picks entries by name.
    pub named: bool,
    /// Bytes that what matches has at least.
    pub least: usize,
}

/// The pattern number of candidates that are gated by classes.
pub(super) const CLASSED: usize = usize::MAX;

/// Returns the patterns asked about a variable.
pub(super) fn patterns_of(candidates: &[Candidate]) -> BTreeSet<usize> {
    candidates.iter().map(|candidate| candidate.pattern).filter(|pattern| *pattern != CLASSED).collect()
}
