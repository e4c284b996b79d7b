//! A parsed pattern, with every flag already worked in: case folded into the byte sets, dot and
//! dollar resolved.

use crate::byteset::ByteSet;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Matches the empty string.
    Empty,
    /// One byte out of the set; an empty set never matches.
    Bytes(ByteSet),
    Look(Look),
    Concat(Vec<Node>),
    /// The first alternative that lets the whole pattern match wins.
    Alternate(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    /// A capturing group, counted from 1.
    Group(usize, Box<Node>),
    /// `(?>...)`: once matched, never tried another way.
    Atomic(Box<Node>),
    /// `(?=...)`, `(?!...)`, `(?<=...)`, `(?<!...)`.
    Around {
        ahead: bool,
        negate: bool,
        node: Box<Node>,
    },
    /// Matches what group N matched last; fails while it has matched nothing.
    Backref {
        group: usize,
        caseless: bool,
    },
    /// `\K`: the match is reported from here.
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Start,
    End,
    /// `\Z`: the end, or before a newline that ends the value.
    EndOrLastNewline,
    LineStart,
    LineEnd,
    WordBoundary,
    NotWordBoundary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greed {
    Greedy,
    Lazy,
    Possessive,
}

impl Node {
    pub(crate) fn byte(byte: u8) -> Self {
        Self::Bytes(ByteSet::of(&[byte]))
    }

    pub(crate) fn concat(mut nodes: Vec<Node>) -> Self {
        match nodes.len() {
            0 => Self::Empty,
            1 => nodes.pop().unwrap_or(Self::Empty),
            _ => Self::Concat(nodes),
        }
    }

    pub(crate) fn alternate(mut nodes: Vec<Node>) -> Self {
        if nodes.len() == 1 { nodes.pop().unwrap_or(Self::Empty) } else { Self::Alternate(nodes) }
    }
}
