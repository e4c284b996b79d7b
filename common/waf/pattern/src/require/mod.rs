//! Requirements: conditions that a value must meet for a pattern to match it.
//!
//! A requirement is a choice of [`Term`]s: some term must hold in full. A term is a list of
//! clauses: "one of these literals occurs" and "a byte of this set occurs". Every step of the
//! derivation only weakens, so a value without the requirement cannot match; one with it may.

mod facts;
mod literals;
mod positions;
mod rate;

pub(crate) use positions::{PLACES, Positions};
pub(crate) use rate::bytes as byte_rate;

use crate::ast::{Look, Node};
use crate::byteset::ByteSet;
use crate::lower;

/// Terms of one pattern; beyond, they are merged into one that asks less.
const TERMS_COUNT_MAX: usize = 64;

/// Literal clauses kept per term: the rarest say nearly all.
const LITERAL_CLAUSES_COUNT_MAX: usize = 3;

/// Byte clauses kept per term.
const BYTE_CLAUSES_COUNT_MAX: usize = 6;

/// A byte set that this share of bytes belongs to is in nearly every value: asking for it is
/// wasted.
const BYTE_RATE_MAX: f32 = 0.3;

/// The share of places above which asking for the first bytes of a term is wasted.
const START_RATE_MAX: f32 = 0.03;

/// Conditions necessary for a match, derived from a pattern. They may let a value pass that does
/// not match; they never rule out one that does.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// One of these must hold; never empty (a pattern that cannot match has none, and is kept as
    /// "anything").
    pub(crate) terms: Vec<Term>,
    /// The value's first byte must be in this set.
    pub(crate) start: Option<ByteSet>,
    /// No byte of the value may be in this set.
    pub(crate) forbidden: ByteSet,
    pub(crate) least: usize,
    pub(crate) most: Option<usize>,
}

/// A literal, in lower case.
pub(crate) type Literal = Vec<u8>;

#[derive(Clone, Default, PartialEq)]
pub(crate) struct Term {
    /// Of each, one literal must occur, ASCII case aside. No literal is shorter than two bytes.
    pub(crate) literals: Vec<Vec<Literal>>,
    /// Of each, one byte must occur.
    pub(crate) bytes: Vec<ByteSet>,
    /// Somewhere in the value these bytes must follow each other: the beginning of the match.
    pub(crate) start: Option<Positions>,
}

impl Requirement {
    /// Creates the requirement that every value meets, for operators that a
    /// [`PatternSet`](crate::PatternSet) cannot judge.
    pub fn anything() -> Self {
        Self { terms: vec![Term::default()], start: None, forbidden: ByteSet::EMPTY, least: 0, most: None }
    }

    /// Creates the requirement that the value contains one of these, ASCII case aside (`@pm`,
    /// `@contains`, `@streq`, `@beginsWith` and others). Every value contains an empty literal.
    pub fn any_of<'a>(literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let literals: Vec<Literal> = literals.into_iter().map(<[u8]>::to_ascii_lowercase).collect();
        let least = literals.iter().map(Vec::len).min().unwrap_or(0);
        Self { terms: pruned(literals::terms_of(literals)), least, ..Self::anything() }
    }

    pub(crate) fn of(node: &Node) -> Self {
        let (least, most) = lower::lengths(node);
        let anchored = anchored(node, Look::Start);
        let whole = anchored && self::anchored(node, Look::End);
        let (first, nullable) = lower::first(node, ByteSet::EMPTY);
        Self {
            terms: pruned(facts::terms(node)),
            start: (anchored && !nullable).then_some(first),
            forbidden: if whole { alphabet(node).complement() } else { ByteSet::EMPTY },
            least,
            most: if whole { most } else { None },
        }
    }

    /// Returns the least length of a value, in bytes.
    pub fn least(&self) -> usize {
        self.least
    }

    /// Returns whether nothing is asked of the value's bytes: such a pattern runs on every value of
    /// a fitting length.
    pub fn is_open(&self) -> bool {
        self.terms.iter().any(Term::asks_nothing) && self.start.is_none() && self.forbidden.is_empty()
    }
}

/// Returns whether every match begins with this assertion (`Start`), or ends with it (`End`).
fn anchored(node: &Node, look: Look) -> bool {
    match node {
        Node::Look(found) => *found == look,
        Node::Group(_, node) | Node::Atomic(node) => anchored(node, look),
        Node::Alternate(nodes) => nodes.iter().all(|node| anchored(node, look)),
        Node::Concat(nodes) if look == Look::Start => nodes.first().is_some_and(|node| anchored(node, look)),
        Node::Concat(nodes) => nodes.last().is_some_and(|node| anchored(node, look)),
        _ => false,
    }
}

/// Returns every byte a match may consist of. A back-reference repeats what a group matched.
fn alphabet(node: &Node) -> ByteSet {
    match node {
        Node::Bytes(set) => *set,
        Node::Group(_, node) | Node::Atomic(node) | Node::Repeat { node, .. } => alphabet(node),
        Node::Backref { caseless: true, .. } => ByteSet::ALL,
        Node::Alternate(nodes) | Node::Concat(nodes) => nodes.iter().map(alphabet).fold(ByteSet::EMPTY, ByteSet::union),
        Node::Empty | Node::Look(_) | Node::Keep | Node::Around { .. } | Node::Backref { .. } => ByteSet::EMPTY,
    }
}

/// Keeps the clauses worth asking; returns "anything" where a term asks nothing.
fn pruned(terms: Vec<Term>) -> Vec<Term> {
    let mut kept: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms.into_iter().map(Term::pruned) {
        if term.asks_nothing() {
            return vec![Term::default()];
        }
        if !kept.contains(&term) {
            kept.push(term);
        }
    }
    if kept.is_empty() { vec![Term::default()] } else { kept }
}

impl Term {
    fn asks_nothing(&self) -> bool {
        self.literals.is_empty() && self.bytes.is_empty() && self.start.is_none()
    }

    fn pruned(mut self) -> Self {
        self.literals.sort_by(|left, right| rate::literals(left).total_cmp(&rate::literals(right)));
        self.literals.dedup();
        self.literals.truncate(LITERAL_CLAUSES_COUNT_MAX);
        self.bytes.retain(|set| rate::bytes(set) < BYTE_RATE_MAX && !self.literals.iter().any(|any| implies(any, set)));
        self.bytes.sort_by(|left, right| rate::bytes(left).total_cmp(&rate::bytes(right)));
        let mut kept: Vec<ByteSet> = Vec::new();
        for set in self.bytes {
            // A set that contains another required one asks nothing more.
            if !kept.iter().any(|smaller| smaller.union(set) == set) {
                kept.push(set);
            }
        }
        kept.truncate(BYTE_CLAUSES_COUNT_MAX);
        self.bytes = kept;
        self.start = self.start.filter(|start| start.rate() < START_RATE_MAX);
        self
    }
}

/// Returns whether each of the literals, in any case, has a byte of the set.
fn implies(literals: &[Literal], set: &ByteSet) -> bool {
    let both = |byte: &u8| set.contains(*byte) && set.contains(byte.to_ascii_uppercase());
    literals.iter().all(|literal| literal.iter().any(both))
}

impl std::fmt::Debug for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for literals in &self.literals {
            let shown = literals.iter().map(|literal| literal.escape_ascii().to_string()).collect::<Vec<_>>();
            write!(f, "{{{}}} ", shown.join("|"))?;
        }
        write!(f, "{:?}", self.bytes)?;
        match &self.start {
            Some(start) => write!(f, " ^{:?}", start.sets.iter().take(start.least).collect::<Vec<_>>()),
            None => Ok(()),
        }
    }
}
