//! From nested prefixes to disjoint ranges: a sorted row of boundaries, each with the tag that
//! holds from there on.

use crate::Verdict;

/// From `start` up to the next boundary `verdict` holds. Before the first boundary nothing is
/// listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub start: u128,
    pub verdict: Verdict,
}

/// One prefix as its first and last address. IPv4 uses the low 32 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub first: u128,
    pub last: u128,
    pub verdict: Verdict,
}

/// Flattens spans into boundaries, at most two for each span. Spans must be prefixes: two of them
/// nest or are disjoint, so a stack of the open ones, widest at the bottom, has at every point the
/// most specific one on top.
pub(crate) fn flatten(mut spans: Vec<Span>, last_address: u128) -> Vec<Boundary> {
    // Of spans with the same first address the widest comes first, and of equal ones the allowing
    // one last, on top of the stack.
    spans.sort_unstable_by_key(|span| (span.first, u128::MAX - span.last, span.verdict == Verdict::Allowed));
    let mut row = Row { boundaries: Vec::new(), last_address };
    let mut open: Vec<Span> = Vec::new();
    for span in spans {
        while let Some(inner) = open.pop_if(|inner| inner.last < span.first) {
            row.close(inner, &open);
        }
        row.push(span.first, span.verdict);
        open.push(span);
    }
    while let Some(inner) = open.pop() {
        row.close(inner, &open);
    }
    row.merge()
}

struct Row {
    boundaries: Vec<Boundary>,
    last_address: u128,
}

impl Row {
    /// Closes `inner`: after its end the span around it holds again; after the last address there
    /// is none to say anything of.
    fn close(&mut self, inner: Span, open: &[Span]) {
        let after = open.last().map_or(Verdict::Unlisted, |outer| outer.verdict);
        if inner.last < self.last_address {
            self.push(inner.last + 1, after);
        }
    }

    /// Adds a boundary. A second one at the same address replaces the first.
    fn push(&mut self, start: u128, verdict: Verdict) {
        self.boundaries.pop_if(|boundary| boundary.start == start);
        self.boundaries.push(Boundary { start, verdict });
    }

    /// Drops the boundaries that change nothing.
    fn merge(mut self) -> Vec<Boundary> {
        let mut before = Verdict::Unlisted;
        self.boundaries.retain(|boundary| std::mem::replace(&mut before, boundary.verdict) != boundary.verdict);
        self.boundaries
    }
}
