//! The bytes possible at the first few places of a match.

use super::rate;
use crate::ast::Node;
use crate::byteset::ByteSet;

/// Places looked at: four tell words and runs apart well, and one table per place stays in the
/// cache.
pub(crate) const PLACES: usize = 4;

/// The bytes possible at each place, as long as the match reaches that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Positions {
    pub(crate) sets: [ByteSet; PLACES],
    /// Places that every match has; the others are no condition.
    pub(crate) least: usize,
    /// Places beyond which no match reaches; `usize::MAX` where unknown.
    most: usize,
}

impl Positions {
    pub(crate) const EMPTY: Self = Self { sets: [ByteSet::EMPTY; PLACES], least: 0, most: 0 };

    /// Any bytes, any number.
    pub(crate) const ANY: Self = Self { sets: [ByteSet::ALL; PLACES], least: 0, most: usize::MAX };

    pub(crate) fn of(node: &Node) -> Self {
        match node {
            Node::Empty | Node::Look(_) | Node::Keep | Node::Around { .. } => Self::EMPTY,
            Node::Bytes(set) => Self::run(*set, 1, 1),
            Node::Backref { .. } => Self::ANY,
            Node::Group(_, node) | Node::Atomic(node) => Self::of(node),
            Node::Alternate(nodes) => nodes.iter().map(Self::of).reduce(Self::or).unwrap_or(Self::EMPTY),
            Node::Concat(nodes) => nodes.iter().fold(Self::EMPTY, |all, node| all.then(&Self::of(node))),
            Node::Repeat { node, min, max, .. } => {
                let least = usize::try_from(*min).unwrap_or(usize::MAX);
                let most = max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
                match node.as_ref() {
                    Node::Bytes(set) => Self::run(*set, least, most),
                    node => Self::of(node).repeated(least, most),
                }
            }
        }
    }

    fn run(set: ByteSet, least: usize, most: usize) -> Self {
        let mut sets = [ByteSet::EMPTY; PLACES];
        sets.iter_mut().take(most).for_each(|place| *place = set);
        Self { sets, least, most }
    }

    fn repeated(self, least: usize, most: usize) -> Self {
        let optional = Self { least: 0, ..self };
        let mut all = Self::EMPTY;
        for round in 0..most.min(PLACES) {
            all = all.then(if round < least { &self } else { &optional });
        }
        // Rounds beyond these could only add bytes beyond the places looked at.
        if most > PLACES && self.most > 0 { Self { most: usize::MAX, ..all } } else { all }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        let mut sets = self.sets;
        sets.iter_mut().zip(other.sets).for_each(|(place, more)| *place = place.union(more));
        Self { sets, least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Returns the positions of this followed by `next`.
    pub(crate) fn then(&self, next: &Self) -> Self {
        let mut sets = self.sets;
        for length in self.least..=self.most.min(PLACES) {
            for (place, more) in sets.iter_mut().skip(length).zip(next.sets) {
                *place = place.union(more);
            }
        }
        // Saturates: only whether the places looked at are reached counts.
        let least = self.least.saturating_add(next.least);
        Self { sets, least, most: self.most.saturating_add(next.most) }
    }

    /// Returns the share of places in ordinary values where all of it holds.
    pub(crate) fn rate(&self) -> f32 {
        self.sets.iter().take(self.least).map(|set| rate::bytes(set).min(1.0)).product()
    }
}
