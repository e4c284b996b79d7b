//! A look at one long value, piece by piece, so that others may have their turn in between.

use std::ops::Range;

use super::{Bits, CandidateBits, PatternSet, Seen, Sight, starts};
use aho_corasick::automaton::StateID;

/// Bytes that are looked at without a pause: a tenth of a millisecond or two.
pub const PIECE_BYTES: usize = 16 * 1024;

/// The progress of the search of one value: first for its bytes and beginnings, then for its
/// literals, which count only where those admit it.
#[derive(Debug, Default)]
pub struct Search {
    at: usize,
    present: Bits,
    starts: starts::Found,
    /// The result of the first pass.
    sight: Option<Sight>,
    state: Option<StateID>,
    seen: Seen,
    bits: CandidateBits,
}

impl Search {
    /// Returns the patterns that may match, once the search is over.
    #[must_use]
    pub const fn candidates(&self) -> &CandidateBits {
        &self.bits
    }

    /// Returns the next piece of a value of this length.
    fn next(&mut self, length: usize) -> Range<usize> {
        let start = self.at;
        self.at = length.min(start + PIECE_BYTES);
        start..self.at
    }
}

impl PatternSet {
    /// Looks at the next piece of a value, which is the same in every call; returns whether the
    /// search is over. What is found then is what [`PatternSet::candidates`] finds at once.
    #[must_use]
    pub fn search(&self, value: &[u8], search: &mut Search) -> bool {
        let piece = search.next(value.len());
        let Some(sight) = &search.sight else {
            self.see(value, piece, search);
            return search.sight.is_some() && self.literals.is_none();
        };
        if let Some(literals) = &self.literals {
            literals.scan(&value[piece], &mut search.state, (sight, &self.rows), &mut search.seen, &mut search.bits);
        }
        search.at == value.len()
    }

    /// Takes the bytes and beginnings of a piece in; after the last one it is known what the gates
    /// see.
    fn see(&self, value: &[u8], piece: Range<usize>, search: &mut Search) {
        let present = self.present(&value[piece.clone()]);
        search.present.iter_mut().zip(present).for_each(|(all, more)| *all |= more);
        if let Some(starts) = &self.starts {
            starts.find_in(value, piece.clone(), &mut search.starts);
        }
        if piece.end < value.len() {
            return;
        }
        let sight = Sight { present: search.present, starts: search.starts.bits, ..self.sight_of_first(value) };
        search.bits.clear(self.patterns);
        self.gates.open(&sight, &mut search.bits);
        if let Some(literals) = &self.literals {
            literals.prepare(&self.rows, &mut search.seen);
        }
        search.sight = Some(sight);
        search.at = 0;
    }
}
