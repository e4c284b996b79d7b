//! Chooses the engine that a parsed pattern needs, and translates it for the linear-time one.
//!
//! Possessive quantifiers and atomic groups are no regular construct, but mostly they are written
//! for speed only and could as well be greedy. [`relax`] proves that where it can: a run of one
//! byte set never has to give bytes back when nothing that may follow begins with a byte of that
//! set (the continuation would fail there at once), nor does an atomic group with nothing after it
//! (its first match is the match). Elsewhere the backtracker keeps the meaning.

use crate::ast::{Greed, Look, Node};
use crate::byteset::ByteSet;
use regex_syntax::hir::{self, Hir};

/// The continuation of a node: the bytes it may begin with, and whether there is none.
#[derive(Clone, Copy)]
struct Follow {
    first: ByteSet,
    tail: bool,
}

/// Turns possessive and atomic into greedy wherever that changes no match.
pub(crate) fn relax(node: Node) -> Node {
    relax_before(node, Follow { first: ByteSet::EMPTY, tail: true })
}

fn relax_before(node: Node, follow: Follow) -> Node {
    match node {
        Node::Concat(nodes) => relax_concat(nodes, follow),
        Node::Alternate(nodes) => Node::Alternate(nodes.into_iter().map(|node| relax_before(node, follow)).collect()),
        Node::Group(index, node) => Node::Group(index, Box::new(relax_before(*node, follow))),
        Node::Atomic(node) if follow.tail => relax_before(*node, follow),
        Node::Atomic(node) => Node::Atomic(Box::new(relax_before(*node, Follow { first: ByteSet::ALL, tail: true }))),
        Node::Repeat { node, min, max, greed } => relax_repeat(*node, min, max, greed, follow),
        Node::Around { ahead, negate, node } => {
            let inner = Follow { first: ByteSet::ALL, tail: ahead };
            Node::Around { ahead, negate, node: Box::new(relax_before(*node, inner)) }
        }
        other => other,
    }
}

fn relax_concat(nodes: Vec<Node>, outer: Follow) -> Node {
    let mut follow = outer;
    let mut relaxed: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes.into_iter().rev() {
        // Before a byte of the run "the end" fails at once; another assertion may hold at one
        // length of a run only.
        let (first, nullable) =
            if node == Node::Look(Look::End) { (ByteSet::EMPTY, false) } else { first(&node, ByteSet::ALL) };
        relaxed.push(relax_before(node, follow));
        follow = Follow { first: if nullable { first.union(follow.first) } else { first }, tail: false };
    }
    relaxed.reverse();
    Node::Concat(relaxed)
}

fn relax_repeat(node: Node, min: u32, max: Option<u32>, greed: Greed, follow: Follow) -> Node {
    let free = match &node {
        Node::Bytes(set) => follow.tail || !set.intersects(&follow.first),
        _ => follow.tail,
    };
    let greed = if greed == Greed::Possessive && free { Greed::Greedy } else { greed };
    let inner = if max == Some(1) && greed != Greed::Possessive {
        follow
    } else if greed == Greed::Possessive {
        Follow { first: ByteSet::ALL, tail: false }
    } else {
        Follow { first: follow.first.union(first(&node, ByteSet::ALL).0), tail: false }
    };
    Node::Repeat { node: Box::new(relax_before(node, inner)), min, max, greed }
}

/// Returns the bytes a match of the node may begin with (never too few), and whether it may match
/// the empty string there. An assertion counts as `assertion`.
pub(crate) fn first(node: &Node, assertion: ByteSet) -> (ByteSet, bool) {
    match node {
        Node::Empty => (ByteSet::EMPTY, true),
        Node::Bytes(set) => (*set, false),
        Node::Look(_) | Node::Around { .. } | Node::Keep => (assertion, true),
        Node::Backref { .. } => (ByteSet::ALL, true),
        Node::Group(_, node) | Node::Atomic(node) => first(node, assertion),
        Node::Repeat { node, min, .. } => {
            let (set, nullable) = first(node, assertion);
            (set, nullable || *min == 0)
        }
        Node::Alternate(nodes) => nodes
            .iter()
            .map(|node| first(node, assertion))
            .fold((ByteSet::EMPTY, false), |(set, empty), (more, null)| (set.union(more), empty || null)),
        Node::Concat(nodes) => {
            let mut all = ByteSet::EMPTY;
            for node in nodes {
                let (set, nullable) = first(node, assertion);
                all = all.union(set);
                if !nullable {
                    return (all, false);
                }
            }
            (all, true)
        }
    }
}

/// Returns the fewest and the most bytes a match of the node takes; `None`: no upper bound.
pub(crate) fn lengths(node: &Node) -> (usize, Option<usize>) {
    match node {
        Node::Empty | Node::Look(_) | Node::Around { .. } | Node::Keep => (0, Some(0)),
        Node::Bytes(_) => (1, Some(1)),
        Node::Backref { .. } => (0, None),
        Node::Group(_, node) | Node::Atomic(node) => lengths(node),
        Node::Repeat { node, min, max, .. } => {
            let (least, most) = lengths(node);
            let times = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
            let most = match (most, max) {
                (Some(0), _) | (_, Some(0)) => Some(0),
                (Some(most), Some(max)) => most.checked_mul(times(*max)),
                _ => None,
            };
            // Saturates: repeats of repeats multiply, and more bytes than memory has are no match.
            (least.saturating_mul(times(*min)), most)
        }
        Node::Alternate(nodes) => nodes
            .iter()
            .map(lengths)
            .reduce(|left, right| (left.0.min(right.0), left.1.zip(right.1).map(|(left, right)| left.max(right))))
            .unwrap_or((0, Some(0))),
        Node::Concat(nodes) => nodes.iter().map(lengths).fold((0, Some(0)), |left, right| {
            (left.0.saturating_add(right.0), left.1.zip(right.1).and_then(|(left, right)| left.checked_add(right)))
        }),
    }
}

/// Translates the node for the linear-time engine; `None` if it is not regular.
pub(crate) fn to_hir(node: &Node) -> Option<Hir> {
    Some(match node {
        Node::Empty => Hir::empty(),
        Node::Bytes(set) => hir_bytes(set),
        Node::Look(look) => Hir::look(hir_look(*look)?),
        Node::Group(index, node) => {
            Hir::capture(hir::Capture { index: u32::try_from(*index).ok()?, name: None, sub: Box::new(to_hir(node)?) })
        }
        Node::Concat(nodes) => Hir::concat(nodes.iter().map(to_hir).collect::<Option<Vec<_>>>()?),
        Node::Alternate(nodes) => Hir::alternation(nodes.iter().map(to_hir).collect::<Option<Vec<_>>>()?),
        Node::Repeat { greed: Greed::Possessive, .. } => return None,
        Node::Repeat { node, min, max, greed } => Hir::repetition(hir::Repetition {
            min: *min,
            max: *max,
            greedy: *greed == Greed::Greedy,
            sub: Box::new(to_hir(node)?),
        }),
        Node::Atomic(_) | Node::Around { .. } | Node::Backref { .. } | Node::Keep => return None,
    })
}

fn hir_bytes(set: &ByteSet) -> Hir {
    let ranges = set.iter().map(|byte| hir::ClassBytesRange::new(byte, byte));
    Hir::class(hir::Class::Bytes(hir::ClassBytes::new(ranges)))
}

fn hir_look(look: Look) -> Option<hir::Look> {
    Some(match look {
        Look::Start => hir::Look::Start,
        Look::End => hir::Look::End,
        Look::LineStart => hir::Look::StartLF,
        Look::LineEnd => hir::Look::EndLF,
        Look::WordBoundary => hir::Look::WordAscii,
        Look::NotWordBoundary => hir::Look::WordAsciiNegate,
        Look::EndOrLastNewline => return None,
    })
}
