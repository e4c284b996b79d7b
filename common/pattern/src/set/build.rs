//! Requirements to tables.

use super::scan::{Literals, Posting};
use super::{Gate, PatternSet, Row};
use crate::byteset::ByteSet;
use crate::require::{Literal, Term};
use crate::{CompileError, Requirement};
use std::collections::{BTreeMap, HashMap};

/// Byte sets that fit the table. Those used least are not asked for.
const SETS_COUNT_MAX: usize = 64;

pub(super) fn build(requirements: &[&Requirement]) -> Result<PatternSet, CompileError> {
    let members = Numbers::new(requirements.iter().flat_map(|requirement| {
        let terms = requirement.terms.iter().flat_map(|term| term.bytes.iter().copied());
        terms.chain([requirement.forbidden].into_iter().filter(|set| !set.is_empty()))
    }));
    let starts = Numbers::new(requirements.iter().filter_map(|requirement| requirement.start));
    let mut set = PatternSet {
        patterns: requirements.len(),
        memberships: members.table(),
        starts: starts.table(),
        literals: None,
        rows: Vec::new(),
        gates: Vec::new(),
    };
    let mut gates: HashMap<Gate, Vec<u32>> = HashMap::new();
    let mut postings: BTreeMap<&Literal, Vec<Posting>> = BTreeMap::new();
    for (pattern, requirement) in (0_u32..).zip(requirements) {
        for term in &requirement.terms {
            let gate = gate(requirement, term, &members, &starts);
            if term.literals.is_empty() {
                gates.entry(gate).or_default().push(pattern);
                continue;
            }
            let row = u32::try_from(set.rows.len()).unwrap_or(u32::MAX);
            let mut clauses = 0_u8;
            for (bit, literals) in (0..8).zip(&term.literals) {
                clauses |= 1 << bit;
                for literal in literals {
                    postings.entry(literal).or_default().push(Posting { row, clause: 1 << bit });
                }
            }
            set.rows.push(Row { gate, clauses, pattern });
        }
    }
    set.gates = gates.into_iter().collect();
    // Hash order is random; the same rules shall behave the same every time.
    set.gates.sort_by(|left, right| left.1.cmp(&right.1));
    set.literals = if postings.is_empty() { None } else { Some(Literals::new(postings)?) };
    Ok(set)
}

fn gate(requirement: &Requirement, term: &Term, members: &Numbers, starts: &Numbers) -> Gate {
    Gate {
        present: term.bytes.iter().fold(0, |all, set| all | members.bit(set)),
        absent: if requirement.forbidden.is_empty() { 0 } else { members.bit(&requirement.forbidden) },
        start: requirement.start.map_or(0, |set| starts.bit(&set)),
        least: requirement.least,
        most: requirement.most.unwrap_or(usize::MAX),
    }
}

/// Byte sets, numbered: the most used first.
struct Numbers {
    sets: Vec<ByteSet>,
}

impl Numbers {
    fn new(sets: impl Iterator<Item = ByteSet>) -> Self {
        let mut counts: BTreeMap<ByteSet, usize> = BTreeMap::new();
        sets.for_each(|set| *counts.entry(set).or_default() += 1);
        let mut sets: Vec<(usize, ByteSet)> = counts.into_iter().map(|(set, count)| (count, set)).collect();
        sets.sort_by(|left, right| right.cmp(left));
        sets.truncate(SETS_COUNT_MAX);
        Self { sets: sets.into_iter().map(|(_, set)| set).collect() }
    }

    /// The set's bit; 0 where it has none, which asks for nothing.
    fn bit(&self, set: &ByteSet) -> u64 {
        self.sets.iter().position(|known| known == set).map_or(0, |place| 1 << place)
    }

    fn table(&self) -> Box<[u64; 256]> {
        let mut table = Box::new([0; 256]);
        for (bits, byte) in table.iter_mut().zip(0..=u8::MAX) {
            *bits = self.sets.iter().filter(|set| set.contains(byte)).fold(0, |all, set| all | self.bit(set));
        }
        table
    }
}
