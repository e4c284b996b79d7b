//! Derives the terms of a pattern from its nodes.

use super::{Literal, Positions, TERMS_COUNT_MAX, Term, literals, rate};
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

/// An optional part that may begin with more bytes than this ends a literal.
const OPTIONAL_BYTES_COUNT_MAX: usize = 12;

/// Literals that optional parts may add.
const CLOSED_COUNT_MAX: usize = 256;

/// The strings or conditions derived from a node.
enum Facts {
    /// Its matches are these strings (case aside) and no others.
    Exact(Vec<Literal>),
    /// One of these terms holds for each match.
    Terms(Vec<Term>),
}

pub(super) fn terms(node: &Node) -> Vec<Term> {
    let after = Positions::ANY;
    let start = Positions::of(node).then(&after);
    facts(node, Some(&after)).into_terms().into_iter().map(|term| term.starting(start)).collect()
}

impl Term {
    /// Returns the term with the whole's beginning, unless it has a more exact one.
    fn starting(self, start: Positions) -> Self {
        Self { start: self.start.or(Some(start)), ..self }
    }
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

/// Derives the facts of a node. `after` is what follows the node if it begins a match, and `None`
/// elsewhere.
fn facts(node: &Node, after: Option<&Positions>) -> Facts {
    match node {
        Node::Empty | Node::Look(_) | Node::Keep | Node::Around { .. } => Facts::empty(),
        Node::Bytes(set) => bytes(set),
        Node::Group(_, node) | Node::Atomic(node) => facts(node, after),
        Node::Backref { .. } => Facts::nothing(),
        Node::Alternate(nodes) => alternate(nodes, after),
        Node::Concat(_) | Node::Repeat { .. } => Sequence::default().of(node, after),
    }
}

fn bytes(set: &ByteSet) -> Facts {
    let mut folded: Vec<Literal> = set.iter().map(|byte| vec![byte.to_ascii_lowercase()]).collect();
    folded.sort();
    folded.dedup();
    if folded.len() <= EXACT_BYTES_COUNT_MAX && !folded.is_empty() {
        return Facts::Exact(folded);
    }
    Facts::Terms(vec![Term { bytes: vec![*set], ..Term::default() }])
}

fn alternate(nodes: &[Node], after: Option<&Positions>) -> Facts {
    let mut strings: Vec<Literal> = Vec::new();
    let mut words: Option<Positions> = None;
    let mut terms: Vec<Term> = Vec::new();
    for node in nodes {
        let start = after.map(|after| Positions::of(node).then(after));
        match facts(node, after) {
            Facts::Exact(more) if strings.len() + more.len() <= EXACT_COUNT_MAX => {
                strings.extend(more);
                words = words.map_or(start, |words| start.map(|start| words.or(start)));
            }
            other => terms.extend(other.into_terms().into_iter().map(|term| match start {
                Some(start) => term.starting(start),
                None => term,
            })),
        }
    }
    strings.sort();
    strings.dedup();
    if terms.is_empty() {
        return Facts::Exact(strings);
    }
    if !strings.is_empty() {
        terms.extend(literals::terms_of(strings).into_iter().map(|term| Term { start: words, ..term }));
    }
    Facts::Terms(if terms.len() > TERMS_COUNT_MAX { merged(terms) } else { super::pruned(terms) })
}

/// The facts of a sequence of nodes: literals grow from node to node as long as every match is
/// known exactly.
struct Sequence {
    /// The strings, one of which ends directly before the next node; they begin somewhere after the
    /// last gap.
    running: Vec<Literal>,
    /// Strings that may take the place of `running`, where something optional took a byte. Nothing
    /// can be appended to them.
    closed: Vec<Literal>,
    terms: Vec<Term>,
    exact: bool,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { running: vec![Vec::new()], closed: Vec::new(), terms: vec![Term::default()], exact: true }
    }
}

impl Sequence {
    fn of(mut self, node: &Node, after: Option<&Positions>) -> Facts {
        let mut nodes = Vec::new();
        flatten(node, &mut nodes);
        // What follows each node, up to the end of the match.
        let mut follows: Vec<Positions> = vec![after.copied().unwrap_or(Positions::ANY)];
        for node in nodes.iter().skip(1).rev() {
            let next = follows.last().copied().unwrap_or(Positions::ANY);
            follows.push(Positions::of(node).then(&next));
        }
        let mut leading = after.is_some();
        for (node, follow) in nodes.iter().zip(follows.iter().rev()) {
            match node {
                Node::Repeat { node, min, max, .. } => self.repeat(node, *min, *max),
                other => self.facts(facts(other, leading.then_some(follow))),
            }
            leading = leading && crate::lower::lengths(node).1 == Some(0);
        }
        self.finish()
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
        let count = self.running.len() * strings.len();
        let longest = |set: &[Literal]| set.iter().map(Vec::len).max().unwrap_or(0);
        let length = longest(&self.running) + longest(&strings);
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
        match (facts(node, None), min) {
            (_, _) if max == Some(0) => {}
            (Facts::Exact(mut strings), 0) if optional(&strings) => {
                strings.push(Vec::new());
                self.strings(strings);
            }
            (_, 0) => self.optional(node),
            (Facts::Exact(strings), _) => {
                (0..min.min(8)).for_each(|_| self.strings(strings.clone()));
                if max != Some(min) || min > 8 {
                    self.gap();
                    // The last round comes directly before what follows.
                    self.running = strings;
                }
            }
            (Facts::Terms(terms), _) => {
                self.gap();
                self.also(terms);
            }
        }
    }

    /// Adds an optional node. Rules against evasion have such nodes between all letters of a word:
    /// then either the word goes on, or one of the few bytes the optional part begins with comes
    /// next.
    fn optional(&mut self, node: &Node) {
        let (first, _) = crate::lower::first(node, ByteSet::EMPTY);
        let bytes: Vec<u8> = first.iter().filter(|byte| !byte.is_ascii_uppercase()).collect();
        let count = self.running.len() * bytes.len() + self.closed.len();
        let begun = !self.running.iter().any(Vec::is_empty);
        if !begun || bytes.len() > OPTIONAL_BYTES_COUNT_MAX || count > CLOSED_COUNT_MAX || caseful(&first) {
            self.gap();
            return;
        }
        self.exact = false;
        for string in &self.running {
            self.closed.extend(bytes.iter().map(|byte| [string.as_slice(), &[*byte]].concat()));
        }
    }

    /// Turns the strings gathered so far into a condition: what precedes the next node is no longer
    /// known.
    fn gap(&mut self) {
        self.exact = false;
        let mut strings = std::mem::replace(&mut self.running, vec![Vec::new()]);
        strings.append(&mut self.closed);
        self.also(literals::terms_of(strings));
    }

    /// Requires these terms beside those so far.
    fn also(&mut self, mut more: Vec<Term>) {
        if more.iter().any(Term::asks_nothing) {
            return;
        }
        if self.terms.len() * more.len() > TERMS_COUNT_MAX {
            if more.len() >= self.terms.len() {
                more = merged(more);
            } else {
                self.terms = merged(std::mem::take(&mut self.terms));
            }
        }
        if self.terms.len() * more.len() > TERMS_COUNT_MAX {
            return;
        }
        let mut product = Vec::new();
        for left in &self.terms {
            for right in &more {
                let mut both = left.clone();
                both.literals.extend(right.literals.iter().cloned());
                both.bytes.extend(right.bytes.iter().copied());
                both.start = both.start.or(right.start);
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

/// Returns whether a letter is in the set in one case only.
fn caseful(set: &ByteSet) -> bool {
    *set != set.fold_case()
}

/// Appends the nodes of nested sequences, in order.
fn flatten<'a>(node: &'a Node, nodes: &mut Vec<&'a Node>) {
    match node {
        Node::Concat(inner) => inner.iter().for_each(|node| flatten(node, nodes)),
        Node::Group(_, inner) | Node::Atomic(inner) => flatten(inner, nodes),
        other => nodes.push(other),
    }
}

/// Merges terms into at most two that hold whenever one of these does: one of the rarest things
/// each asks for occurs.
fn merged(terms: Vec<Term>) -> Vec<Term> {
    let mut any: Vec<Literal> = Vec::new();
    let mut single = ByteSet::EMPTY;
    let mut common = Some(ByteSet::EMPTY);
    // The beginnings of all, where all are known.
    let start =
        terms.iter().map(|term| term.start).reduce(|left, right| left.zip(right).map(|(left, right)| left.or(right)));
    let start = start.flatten();
    for term in &terms {
        let literals = term.literals.first().map(|set| (rate::literals(set), set));
        let bytes = term.bytes.first().map(|set| (rate::bytes(set), set));
        match (literals, bytes) {
            (None, None) => return vec![Term { start, ..Term::default() }.pruned()],
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
        result.push(Term { literals: vec![any], bytes: common.into_iter().collect(), start }.pruned());
    }
    if !single.is_empty() {
        result.push(Term { literals: vec![], bytes: common.into_iter().chain([single]).collect(), start }.pruned());
    }
    result
}
