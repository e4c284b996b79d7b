//! Which of many patterns may match a value.
//!
//! Three looks at the value, each cheap: which byte sets occur in it (one table, one pass), which literals (one
//! automaton, one pass), and then for each term met whether all of it holds.

mod bits;
mod build;
mod scan;

pub use bits::CandidateBits;
pub(crate) use scan::Seen;

use crate::{CompileError, Requirement, Scratch};

/// The requirements of many patterns in one structure. Patterns are numbered from 0 in the order given.
///
/// A rule engine makes one per chain of transformations, over the patterns that run on its result, and one over all
/// patterns: where every chain leaves a value unchanged (most values), one call answers for all of them.
#[derive(Debug)]
pub struct PatternSet {
    patterns: usize,
    /// Per byte value, the byte sets it belongs to, one bit each.
    memberships: Box<[u64; 256]>,
    /// Per byte value, the sets of first bytes it belongs to.
    starts: Box<[u64; 256]>,
    literals: Option<scan::Literals>,
    rows: Vec<Row>,
    /// Terms without literals, those asking the same as one.
    gates: Vec<(Gate, Vec<u32>)>,
}

/// What can be checked without looking for literals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Gate {
    /// Byte sets that must occur, that must not, and that the first byte must belong to.
    present: u64,
    absent: u64,
    start: u64,
    least: usize,
    most: usize,
}

/// One term with literals.
#[derive(Debug)]
struct Row {
    gate: Gate,
    /// One bit per literal clause.
    clauses: u8,
    pattern: u32,
}

/// What one pass over the value tells.
struct Sight {
    present: u64,
    start: u64,
    length: usize,
}

impl Gate {
    fn admits(&self, sight: &Sight) -> bool {
        (self.present & !sight.present) | (self.absent & sight.present) | (self.start & !sight.start) == 0
            && self.least <= sight.length
            && sight.length <= self.most
    }
}

impl PatternSet {
    /// Builds the set.
    pub fn new<'a>(requirements: impl IntoIterator<Item = &'a Requirement>) -> Result<Self, CompileError> {
        build::build(&requirements.into_iter().collect::<Vec<_>>())
    }

    /// How many patterns the set has.
    pub fn len(&self) -> usize {
        self.patterns
    }

    /// Whether the set has no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns == 0
    }

    /// Heap bytes, roughly.
    pub fn memory_usage(&self) -> usize {
        let literals = self.literals.as_ref().map_or(0, scan::Literals::memory_usage);
        let rows = self.rows.len().saturating_mul(size_of::<Row>());
        let gates = self.gates.iter().map(|(_, patterns)| patterns.len().saturating_mul(4).saturating_add(80));
        literals.saturating_add(rows).saturating_add(gates.sum()).saturating_add(4096)
    }

    /// Sets in `bits` (cleared first) every pattern that may match `value`; whether there is any.
    /// A pattern whose bit is not set does not match.
    pub fn candidates(&self, value: &[u8], scratch: &mut Scratch, bits: &mut CandidateBits) -> bool {
        bits.clear(self.patterns);
        let sight = self.sight(value);
        let mut any = false;
        for (gate, patterns) in &self.gates {
            if gate.admits(&sight) {
                any = true;
                patterns.iter().for_each(|pattern| bits.insert(*pattern));
            }
        }
        match &self.literals {
            Some(literals) => literals.scan(value, &sight, &self.rows, &mut scratch.seen, bits) || any,
            None => any,
        }
    }

    fn sight(&self, value: &[u8]) -> Sight {
        let bits = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        let present = value.iter().fold(0, |all, byte| all | bits(&self.memberships, *byte));
        let start = value.first().map_or(0, |byte| bits(&self.starts, *byte));
        Sight { present, start, length: value.len() }
    }
}
