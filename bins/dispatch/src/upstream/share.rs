//! One limit that lanes share, and the part of each.

use std::{cell::Cell, rc::Rc};

use fosse_counters::{Others, SharesPage};

use super::affinity;

/// The number of processes that share the limits of an edge, and this one's place among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sharers {
    pub(super) count: u32,
    pub(super) rank: u32,
}

impl Default for Sharers {
    fn default() -> Self {
        Self { count: 1, rank: 0 }
    }
}

impl Sharers {
    /// Returns this lane's part of a number: those of all lanes make up the whole.
    pub(super) const fn part(self, whole: u32) -> u32 {
        self.even_part(whole) + (self.rank < whole % self.count) as u32
    }

    /// Returns whether there are others.
    pub(super) const fn is_many(self) -> bool {
        self.count > 1
    }

    /// Returns the part that each lane can have, whichever it is.
    pub(super) const fn even_part(self, whole: u32) -> u32 {
        whole / self.count
    }
}

/// This lane's account of one limit. Without a page, or a row in it, the limit is the lane's own.
#[derive(Debug, Default)]
pub(super) struct Share {
    row: Option<(Rc<SharesPage>, usize)>,
    /// The value that was written last.
    said: Cell<(u32, bool)>,
}

impl Share {
    /// Finds the row of a limit, of which this lane has nothing yet.
    pub(super) fn of(page: &Rc<SharesPage>, name: &str) -> Self {
        let row = page.row(affinity::key(name.as_bytes()));
        if let Some(row) = row {
            page.set(row, 0, false);
        }
        Self { row: row.map(|row| (Rc::clone(page), row)), said: Cell::default() }
    }

    /// Says what this lane has, and whether it wants more.
    pub(super) fn say(&self, has: u32, wants: bool) {
        if let Some((page, row)) = &self.row
            && self.said.replace((has, wants)) != (has, wants)
        {
            page.set(*row, has, wants);
        }
    }

    /// Returns what the others have.
    pub(super) fn others(&self) -> Others {
        self.row.as_ref().map(|(page, row)| page.others(*row)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_lanes_make_up_the_whole() {
        for count in 1..=16 {
            for whole in [0, 1, 2, 7, 100, 256] {
                let parts = (0..count).map(|rank| Sharers { count, rank }.part(whole));
                assert_eq!(parts.sum::<u32>(), whole, "{count} {whole}");
            }
        }
    }
}
