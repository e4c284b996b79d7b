//! Derives the terms of a pattern from its nodes.

use super::{Literal, TERMS_COUNT_MAX, Term, literals, rate};
use crate::ast::Node;
use crate::byteset::ByteSet;

/// A byte set of at most this many bytes, case aside, is multiplied out into literals.
const EXACT_BYTES_COUNT_MAX: usize = 3;

/// Literals that multiplying two sets may give.
const PRODUCT_COUNT_MAX: usize = 64;

/// Literals in one alternative of words.
const EXACT_COUNT_MAX: usize = 4096;

/// Bytes of a literal while it grows.
const EXACT_LENGTH_MAX: usize = 32;

/// What is known of a node.
enum Facts {
    /// Its matches are these strings (case aside) and no others.
    Exact(Vec<Literal>),
    /// One of these terms holds for each match.
    Terms(Vec<Term>),
}

pub(super) fn terms(node: &Node) -> Vec<Term> {
    facts(node).into_terms()
}

impl Facts {
    fn empty() -> Self {
        Self::Exact(vec![Vec::new()])
    }

    fn nothing() -> Self {
        Self::Terms(vec![Term::default()])
    }

    fn into_terms(self) -> Vec<Term> {
        match self {
            Self::Exact(strings) => literals::terms_of(strings),
            Self::Terms(terms) => terms,
        }
    }
}

fn facts(node: &Node) -> Facts {
    match node {
        Node::Empty | Node::Look(_) | Node::Keep | Node::Around { .. } => Facts::empty(),
        Node::Bytes(set) => bytes(set),
        Node::Group(_, node) | Node::Atomic(node) => facts(node),
        Node::Backref { .. } => Facts::nothing(),
        Node::Alternate(nodes) => alternate(nodes),
        Node::Concat(_) | Node::Repeat { .. } => {
            let mut sequence = Sequence::default();
            sequence.node(node);
            sequence.finish()
        }
    }
}

fn bytes(set: &ByteSet) -> Facts {
    let mut folded: Vec<Literal> = set.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
    folded.sort();
    folded.dedup();
    if folded.len() <= EXACT_BYTES_COUNT_MAX && !folded.is_empty() {
        return Facts::Exact(folded);
    }
    Facts::Terms(vec![Term { literals: vec![], bytes: vec![*set] }])
}

fn alternate(nodes: &[Node]) -> Facts {
    let mut strings: Vec<Literal> = Vec::new();
    let mut terms: Vec<Term> = Vec::new();
    for node in nodes {
        match facts(node) {
            Facts::Exact(more) if strings.len().saturating_add(more.len()) <= EXACT_COUNT_MAX => strings.extend(more),
            other => terms.extend(other.into_terms()),
        }
    }
    strings.sort();
    strings.dedup();
    if terms.is_empty() {
        return Facts::Exact(strings);
    }
    if !strings.is_empty() {
        terms.extend(literals::terms_of(strings));
    }
    Facts::Terms(if terms.len() > TERMS_COUNT_MAX { merged(terms) } else { super::pruned(terms) })
}

/// A sequence of nodes: literals grow over neighbours as long as every match is known exactly.
struct Sequence {
    /// What is known to stand directly before the next node, beginning somewhere after the last gap.
    running: Vec<Literal>,
    terms: Vec<Term>,
    exact: bool,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { running: vec![Vec::new()], terms: vec![Term::default()], exact: true }
    }
}

impl Sequence {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Concat(nodes) => nodes.iter().for_each(|node| self.node(node)),
            Node::Group(_, node) | Node::Atomic(node) => self.node(node),
            Node::Repeat { node, min, max, .. } => self.repeat(node, *min, *max),
            other => self.facts(facts(other)),
        }
    }

    fn facts(&mut self, facts: Facts) {
        match facts {
            Facts::Exact(strings) => self.strings(strings),
            Facts::Terms(terms) => {
                self.gap();
                self.also(terms);
            }
        }
    }

    fn strings(&mut self, strings: Vec<Literal>) {
        let count = self.running.len().saturating_mul(strings.len());
        let longest = |set: &[Literal]| set.iter().map(Vec::len).max().unwrap_or(0);
        let length = longest(&self.running).saturating_add(longest(&strings));
        let one_sided = self.running.len() == 1 || strings.len() == 1;
        if !one_sided && count > PRODUCT_COUNT_MAX || length > EXACT_LENGTH_MAX {
            self.gap();
            self.running = strings;
            return;
        }
        let mut product = Vec::with_capacity(count);
        for left in &self.running {
            product.extend(strings.iter().map(|right| [left.as_slice(), right.as_slice()].concat()));
        }
        product.sort();
        product.dedup();
        self.running = product;
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>) {
        let optional = |strings: &[Literal]| max == Some(1) && strings.len() < PRODUCT_COUNT_MAX;
        match (facts(node), min) {
            (_, _) if max == Some(0) => {}
            (Facts::Exact(mut strings), 0) if optional(&strings) => {
                strings.push(Vec::new());
                self.strings(strings);
            }
            (_, 0) => self.gap(),
            (Facts::Exact(strings), _) => {
                (0..min.min(8)).for_each(|_| self.strings(strings.clone()));
                if max != Some(min) || min > 8 {
                    self.gap();
                    // The last round stands directly before what follows.
                    self.running = strings;
                }
            }
            (Facts::Terms(terms), _) => {
                self.gap();
                self.also(terms);
            }
        }
    }

    /// What stands before is no longer known: what was gathered becomes a condition.
    fn gap(&mut self) {
        self.exact = false;
        let strings = std::mem::replace(&mut self.running, vec![Vec::new()]);
        self.also(literals::terms_of(strings));
    }

    /// Both the terms so far and these.
    fn also(&mut self, mut more: Vec<Term>) {
        if more.iter().any(|term| *term == Term::default()) {
            return;
        }
        if self.terms.len().saturating_mul(more.len()) > TERMS_COUNT_MAX {
            if more.len() >= self.terms.len() {
                more = merged(more);
            } else {
                self.terms = merged(std::mem::take(&mut self.terms));
            }
        }
        if self.terms.len().saturating_mul(more.len()) > TERMS_COUNT_MAX {
            return;
        }
        let mut product = Vec::new();
        for left in &self.terms {
            for right in &more {
                let mut both = left.clone();
                both.literals.extend(right.literals.iter().cloned());
                both.bytes.extend(right.bytes.iter().copied());
                product.push(both.pruned());
            }
        }
        self.terms = product;
    }

    fn finish(mut self) -> Facts {
        if self.exact {
            return Facts::Exact(self.running);
        }
        self.gap();
        Facts::Terms(self.terms)
    }
}

/// At most two terms that hold whenever one of these does: one of the rarest things each asks for occurs.
fn merged(terms: Vec<Term>) -> Vec<Term> {
    let mut any: Vec<Literal> = Vec::new();
    let mut single = ByteSet::EMPTY;
    let mut common = Some(ByteSet::EMPTY);
    for term in &terms {
        let literals = term.literals.first().map(|set| (rate::literals(set), set));
        let bytes = term.bytes.first().map(|set| (rate::bytes(set), set));
        match (literals, bytes) {
            (None, None) => return vec![Term::default()],
            (Some((_, set)), None) => any.extend(set.iter().cloned()),
            (Some((rate, set)), Some((byte_rate, _))) if rate <= byte_rate => any.extend(set.iter().cloned()),
            (_, Some((_, set))) => single = single.union(*set),
        }
        common = common.zip(bytes).map(|(all, (_, set))| all.union(*set));
    }
    any.sort();
    any.dedup();
    let common = common.filter(|set| rate::bytes(set) < super::BYTE_RATE_MAX);
    let mut result = Vec::new();
    if !any.is_empty() {
        result.push(Term { literals: vec![any], bytes: common.into_iter().collect() }.pruned());
    }
    if !single.is_empty() {
        result.push(Term { literals: vec![], bytes: common.into_iter().chain([single]).collect() }.pruned());
    }
    result
}
