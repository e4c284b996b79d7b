//! Builds the tables of a set from requirements.

use super::gates::{Gate, Gates};
use super::numbers::Numbers;
use super::scan::{Literals, Posting};
use super::starts::Starts;
use super::{BITS_COUNT_MAX, Bits, PatternSet, Row, set_bit};
use crate::require::{Literal, Positions, Term};
use crate::{CompileError, Requirement};
use std::collections::{BTreeMap, HashMap};

pub(super) fn build(requirements: &[&Requirement]) -> Result<PatternSet, CompileError> {
    let members = Numbers::new(requirements.iter().flat_map(|requirement| {
        let forbidden = (!requirement.forbidden.is_empty()).then_some((requirement.forbidden, OPEN_WEIGHT));
        let terms = requirement.terms.iter().flat_map(|term| term.bytes.iter().map(|set| (*set, weight(term))));
        terms.chain(forbidden)
    }));
    let firsts = Numbers::new(requirements.iter().filter_map(|requirement| Some((requirement.start?, 1))));
    let starts = beginnings(requirements);
    let mut set = PatternSet {
        patterns: requirements.len(),
        memberships: members.table(),
        firsts: firsts.table(),
        starts: (!starts.is_empty()).then(|| Starts::new(&starts)),
        literals: None,
        rows: Vec::new(),
        gates: Gates::default(),
    };
    let mut gates: HashMap<Gate, Vec<u32>> = HashMap::new();
    let mut postings: BTreeMap<&Literal, Vec<Posting>> = BTreeMap::new();
    for (pattern, requirement) in (0_u32..).zip(requirements) {
        for term in &requirement.terms {
            let gate = gate(requirement, term, &members, &firsts, &starts);
            if term.literals.is_empty() {
                gates.entry(gate).or_default().push(pattern);
                continue;
            }
            let row =
                u32::try_from(set.rows.len()).map_err(|_| CompileError::new(0, "more than 4,294,967,295 terms"))?;
            post(term, row, &mut postings);
            set.rows.push(Row { gate, pattern });
        }
    }
    let mut gates: Vec<(Gate, Vec<u32>)> = gates.into_iter().collect();
    // Hash order is random; the same rules shall behave the same every time.
    gates.sort_by(|left, right| left.1.cmp(&right.1));
    set.gates = Gates::new(gates, &members);
    set.literals = if postings.is_empty() { None } else { Some(Literals::new(postings)?) };
    Ok(set)
}

/// Lists a row under each of its term's literals.
fn post<'t>(term: &'t Term, row: u32, postings: &mut BTreeMap<&'t Literal, Vec<Posting>>) {
    let clauses = (0..8).zip(&term.literals).fold(0_u8, |all, (bit, _)| all | (1 << bit));
    for (bit, literals) in (0..8).zip(&term.literals) {
        for literal in literals {
            postings.entry(literal).or_default().push(Posting { row, clause: 1 << bit, clauses });
        }
    }
}

/// Weight of a term without literals: where bits are short it goes first, since nothing else keeps
/// its pattern from running.
const OPEN_WEIGHT: usize = 1000;

fn weight(term: &Term) -> usize {
    if term.literals.is_empty() { OPEN_WEIGHT } else { 1 }
}

/// Returns the beginnings worth a bit: of terms without literals first, then the rarest.
fn beginnings(requirements: &[&Requirement]) -> Vec<Positions> {
    let mut counts: HashMap<Positions, usize> = HashMap::new();
    for term in requirements.iter().flat_map(|requirement| &requirement.terms) {
        if let Some(start) = term.start {
            let count = counts.entry(start).or_default();
            *count += weight(term);
        }
    }
    let mut starts: Vec<(Positions, usize)> = counts.into_iter().collect();
    // The sets break ties, because hash order is random.
    starts.sort_by(|(left, left_count), (right, right_count)| {
        right_count.cmp(left_count).then(left.rate().total_cmp(&right.rate())).then(left.sets.cmp(&right.sets))
    });
    starts.truncate(BITS_COUNT_MAX);
    starts.into_iter().map(|(start, _)| start).collect()
}

fn start_bit(term: &Term, starts: &[Positions]) -> Bits {
    let mut bits = Bits::default();
    let place = term.start.and_then(|start| starts.iter().position(|known| *known == start));
    if let Some(place) = place {
        set_bit(&mut bits, place);
    }
    bits
}

fn gate(requirement: &Requirement, term: &Term, members: &Numbers, firsts: &Numbers, starts: &[Positions]) -> Gate {
    Gate {
        present: members.bits(&term.bytes),
        absent: if requirement.forbidden.is_empty() { Bits::default() } else { members.bits(&[requirement.forbidden]) },
        first: firsts.bits(requirement.start.as_slice()),
        start: start_bit(term, starts),
        least: requirement.least,
        most: requirement.most.unwrap_or(usize::MAX),
    }
}
