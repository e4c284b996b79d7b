//! Sets of literals, one of which must occur.

use super::{Literal, Term, rate};
use crate::byteset::ByteSet;
use std::collections::BTreeSet;

/// Longer literals are cut down to their rarest part of this many bytes: more would only enlarge
/// the automaton.
const LITERAL_BYTES_MAX: usize = 8;

/// Sets up to this size are freed of literals that contain another one.
const MINIMIZED_COUNT_MAX: usize = 512;

/// Returns the terms that say "one of these occurs": literals of two bytes or more, and single
/// bytes as a byte set.
pub(super) fn terms_of(literals: Vec<Literal>) -> Vec<Term> {
    if literals.is_empty() || literals.iter().any(Vec::is_empty) {
        return vec![Term::default()];
    }
    let mut single = ByteSet::EMPTY;
    let mut longer = BTreeSet::new();
    for literal in literals {
        match literal.as_slice() {
            [byte] => single.insert(*byte),
            longer_literal => drop(longer.insert(rarest_part(longer_literal).to_vec())),
        }
    }
    let single = single.fold_case();
    let longer: Vec<Literal> =
        longer.into_iter().filter(|literal| !literal.iter().any(|byte| single.contains(*byte))).collect();
    let longer = minimized(longer);
    let mut terms = Vec::new();
    if !longer.is_empty() {
        terms.push(Term { literals: vec![longer], bytes: vec![], start: None });
    }
    if !single.is_empty() {
        terms.push(Term { literals: vec![], bytes: vec![single], start: None });
    }
    terms
}

fn rarest_part(literal: &[u8]) -> &[u8] {
    let parts = literal.windows(LITERAL_BYTES_MAX.min(literal.len()));
    parts.min_by(|left, right| rate::literal(left).total_cmp(&rate::literal(right))).unwrap_or(literal)
}

/// Drops the literals that contain another one: where they occur, the other does.
fn minimized(literals: Vec<Literal>) -> Vec<Literal> {
    if literals.len() > MINIMIZED_COUNT_MAX {
        return literals;
    }
    let known: BTreeSet<&[u8]> = literals.iter().map(Vec::as_slice).collect();
    let has_part =
        |literal: &[u8]| (1..literal.len()).any(|length| literal.windows(length).any(|part| known.contains(part)));
    literals.iter().filter(|literal| !has_part(literal)).cloned().collect()
}
