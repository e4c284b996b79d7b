//! All required literals of a set in one automaton.

use super::{CandidateBits, Row, Sight};
use crate::CompileError;
use crate::require::Literal;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, MatchKind, PatternID, dfa, nfa};
use std::collections::BTreeMap;

/// A table this large is worth its speed; beyond, it leaves the cache and the compact form is as
/// fast.
const TABLE_BYTES_MAX: usize = 1024 * 1024;

/// Bytes from the beginning of a literal for which the compact form has tables too: most of what is
/// read goes no further.
const DENSE_DEPTH: usize = 4;

/// A literal's part in a term.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    pub(super) row: u32,
    pub(super) clause: u8,
    /// The clauses of the row, here so that the row itself is looked at only once all are met.
    pub(super) clauses: u8,
}

#[derive(Debug)]
pub(super) struct Literals {
    automaton: Form,
    /// Per literal.
    postings: Vec<Box<[Posting]>>,
    shortest: usize,
}

#[derive(Debug)]
enum Form {
    Table(dfa::DFA),
    Compact(nfa::contiguous::NFA),
}

/// The literals and clauses that the search of one value has met. All zero between calls.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    literals: Vec<u64>,
    /// Per row, the clauses met.
    clauses: Vec<u8>,
    touched_literals: Vec<usize>,
    touched_rows: Vec<usize>,
}

impl Literals {
    pub(super) fn new(postings: BTreeMap<&Literal, Vec<Posting>>) -> Result<Self, CompileError> {
        let failed = |error: aho_corasick::BuildError| CompileError::new(0, error.to_string());
        let literals: Vec<&Literal> = postings.keys().copied().collect();
        let sparse = nfa::noncontiguous::Builder::new()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(&literals)
            .map_err(failed)?;
        // At most one state per literal byte and the root; 64 classes of 4 bytes each. Most
        // literals share beginnings.
        let states = literals.iter().fold(1_usize, |all, literal| all + literal.len());
        let automaton = if states * (64 * 4) <= TABLE_BYTES_MAX {
            Form::Table(dfa::Builder::new().build_from_noncontiguous(&sparse).map_err(failed)?)
        } else {
            let compact = nfa::contiguous::Builder::new().dense_depth(DENSE_DEPTH).build_from_noncontiguous(&sparse);
            Form::Compact(compact.map_err(failed)?)
        };
        let shortest = literals.iter().map(|literal| literal.len()).min().unwrap_or(0);
        Ok(Self { automaton, postings: postings.into_values().map(Vec::into_boxed_slice).collect(), shortest })
    }

    pub(super) fn memory_usage(&self) -> usize {
        let automaton = match &self.automaton {
            Form::Table(table) => table.memory_usage(),
            Form::Compact(compact) => compact.memory_usage(),
        };
        let postings = self.postings.iter().map(|list| list.len() * 8 + 16);
        automaton + postings.sum::<usize>()
    }

    /// Sets the patterns of the rows whose literals occur and whose gates admit the value; returns
    /// whether there were any.
    pub(super) fn scan_whole(
        &self,
        value: &[u8],
        (sight, rows): (&Sight, &[Row]),
        seen: &mut Seen,
        bits: &mut CandidateBits,
    ) -> bool {
        if value.len() < self.shortest {
            return false;
        }
        self.prepare(rows, seen);
        let any = self.scan(value, &mut None, (sight, rows), seen, bits);
        seen.clear();
        any
    }

    /// Makes room for what is met.
    pub(super) fn prepare(&self, rows: &[Row], seen: &mut Seen) {
        seen.prepare(self.postings.len(), rows.len());
    }

    /// Does the same for a piece of a value, after the pieces before it, which have left `state`
    /// and what is `seen`.
    pub(super) fn scan(
        &self,
        piece: &[u8],
        state: &mut Option<StateID>,
        (sight, rows): (&Sight, &[Row]),
        seen: &mut Seen,
        bits: &mut CandidateBits,
    ) -> bool {
        let mut any = false;
        let mut found = |literal: PatternID| {
            if seen.is_new(literal.as_usize()) {
                for posting in &self.postings[literal.as_usize()] {
                    any |= seen.meet(*posting, rows, sight, bits);
                }
            }
        };
        match &self.automaton {
            Form::Table(table) => each_literal(table, piece, state, &mut found),
            Form::Compact(compact) => each_literal(compact, piece, state, &mut found),
        }
        any
    }
}

/// Calls for every occurrence of every literal. The literals are in lower case, so the value is
/// folded as it is read: half the classes, half the table.
fn each_literal<A: Automaton>(
    automaton: &A,
    piece: &[u8],
    reached: &mut Option<StateID>,
    found: &mut impl FnMut(PatternID),
) {
    let Some(mut state) = reached.or_else(|| automaton.start_state(Anchored::No).ok()) else { return };
    for byte in piece {
        state = automaton.next_state(Anchored::No, state, byte.to_ascii_lowercase());
        if automaton.is_special(state) && automaton.is_match(state) {
            for index in 0..automaton.match_len(state) {
                found(automaton.match_pattern(state, index));
            }
        }
    }
    *reached = Some(state);
}

impl Seen {
    fn prepare(&mut self, literals: usize, rows: usize) {
        let words = literals.div_ceil(64);
        if self.literals.len() < words {
            self.literals.resize(words, 0);
        }
        if self.clauses.len() < rows {
            self.clauses.resize(rows, 0);
        }
    }

    #[inline]
    fn is_new(&mut self, literal: usize) -> bool {
        let bit = 1_u64 << (literal % 64);
        let word = &mut self.literals[literal / 64];
        if *word == 0 {
            self.touched_literals.push(literal / 64);
        }
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Notes one clause of a row; returns whether the row holds now.
    #[inline]
    fn meet(&mut self, posting: Posting, rows: &[Row], sight: &Sight, bits: &mut CandidateBits) -> bool {
        let place = usize::try_from(posting.row).unwrap_or(usize::MAX);
        let met = &mut self.clauses[place];
        let before = *met;
        if before == posting.clauses {
            return false;
        }
        if before == 0 {
            self.touched_rows.push(place);
        }
        *met = before | posting.clause;
        if *met != posting.clauses {
            return false;
        }
        let row = &rows[place];
        let admitted = row.gate.admits(sight);
        if admitted {
            bits.insert(row.pattern);
        }
        admitted
    }

    fn clear(&mut self) {
        for place in self.touched_literals.drain(..) {
            self.literals[place] = 0;
        }
        for place in self.touched_rows.drain(..) {
            self.clauses[place] = 0;
        }
    }
}
