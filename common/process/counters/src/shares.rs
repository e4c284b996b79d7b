//! What the lanes of an edge have of what the configuration limits for all of them together, in a
//! page that they share: connections to a server, requests that reach a further one.
//!
//! A limit has a row, found by its key, and each process a column that it alone writes: how many it
//! has, and whether it wants more. The sum over the columns is what the edge has. A process that
//! would have one more writes that first and reads the others then, so two that do it at once may
//! both find too many, and never too few. start empties the column of a process that is gone, so
//! that its share is given back however it ended.
//!
//! Nothing here is trusted further than that: a process that was taken over can take what there is,
//! as it could at the server itself, and let the others wait.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed, SeqCst},
};

use fosse_sys::page::Page;

/// Columns: lanes of three generations and of those that are ending, and what fills the cache.
pub const SHARE_COLUMNS: u16 = 256;
/// Rows. Those that nobody has any more stay, so it is what all configurations of an edge's life
/// name; a limit that finds none holds for each lane.
const ROWS: usize = 8192;
/// Places at which a key may lie.
const WAYS: usize = 16;
/// Bytes of one column.
const COLUMN_BYTES: u64 = (ROWS * 8) as u64;
/// Size of the page in bytes. Memory is used for what is written.
pub const SHARES_PAGE_BYTES: u64 = COLUMN_BYTES * (1 + SHARE_COLUMNS as u64);

/// The row of each column that says that it has a process. In the first column, that of the keys,
/// it is the number of columns that were ever used.
const LIVE: usize = 0;
/// The bit of a cell that says that its process wants more; below it is the number that it has.
const WANTS: u64 = 1 << 63;

/// Returns the place of a column in the page, in bytes from its beginning, and its length.
#[must_use]
pub const fn share_column(column: u16) -> (u64, u64) {
    (COLUMN_BYTES * (1 + column as u64), COLUMN_BYTES)
}

/// A process's view of the page.
#[derive(Debug)]
pub struct SharesPage {
    page: Page,
    column: usize,
}

/// Numbers of one limit that the other processes have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The number that they have.
    pub has: u64,
    /// The number of them that want more.
    pub want: u64,
}

impl SharesPage {
    /// Takes a column, which is empty, for this process. `None` where the page is no such page, or
    /// has no such column.
    #[must_use]
    pub fn of(page: Page, column: u16) -> Option<Self> {
        let is_whole = page.words().len() == ROWS * (1 + usize::from(SHARE_COLUMNS));
        if !is_whole || column >= SHARE_COLUMNS {
            return None;
        }
        let shares = Self { page, column: usize::from(column) };
        shares.keys()[LIVE].fetch_max(u64::from(column) + 1, AcqRel);
        shares.own(LIVE).store(1, SeqCst);
        Some(shares)
    }

    /// Finds the row of a key, or takes one for it.
    #[must_use]
    pub fn row(&self, key: u64) -> Option<usize> {
        // The rest of the division is below the number of rows.
        let first = usize::try_from(key % (ROWS as u64)).unwrap_or(0) / WAYS * WAYS;
        // Row 0 is taken, and 0 is no key.
        (first.max(LIVE + 1)..first + WAYS).find(|row| {
            let taken = self.keys()[*row].compare_exchange(0, key.max(1), AcqRel, Relaxed);
            taken.is_ok_and(|_| true) || taken == Err(key.max(1))
        })
    }

    /// Says how many of a row this process has, and whether it wants more.
    pub fn set(&self, row: usize, has: u32, wants: bool) {
        self.own(row).store(u64::from(has) | if wants { WANTS } else { 0 }, SeqCst);
    }

    /// Returns what the others have of a row.
    #[must_use]
    pub fn others(&self, row: usize) -> Others {
        let cells = self.other_columns().map(|column| self.cell(column, row).load(SeqCst));
        cells.fold(Others::default(), |all, cell| Others {
            has: all.has + u64::from(u32::try_from(cell & !WANTS).unwrap_or(u32::MAX)),
            want: all.want + u64::from(cell & WANTS != 0),
        })
    }

    /// Returns the number of processes that share, this one among them.
    #[must_use]
    pub fn sharers(&self) -> u32 {
        let others = self.other_columns().filter(|column| self.is_live(*column)).count();
        u32::try_from(others).unwrap_or(u32::MAX) + 1
    }

    /// Returns the number of those whose columns come before this one's.
    #[must_use]
    pub fn rank(&self) -> u32 {
        let before = self.other_columns().filter(|column| *column < self.column && self.is_live(*column));
        u32::try_from(before.count()).unwrap_or(u32::MAX)
    }

    fn other_columns(&self) -> impl Iterator<Item = usize> {
        let used = self.keys()[LIVE].load(Relaxed).min(u64::from(SHARE_COLUMNS));
        (0..usize::try_from(used).unwrap_or(0)).filter(|column| *column != self.column)
    }

    fn is_live(&self, column: usize) -> bool {
        self.cell(column, LIVE).load(SeqCst) != 0
    }

    fn keys(&self) -> &[AtomicU64] {
        &self.page.words()[..ROWS]
    }

    fn own(&self, row: usize) -> &AtomicU64 {
        self.cell(self.column, row)
    }

    fn cell(&self, column: usize, row: usize) -> &AtomicU64 {
        &self.page.words()[ROWS * (1 + column) + row]
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use super::*;

    fn page() -> OwnedFd {
        fosse_sys::memfd::page("test", SHARES_PAGE_BYTES).unwrap()
    }

    fn lane(fd: &OwnedFd, column: u16) -> SharesPage {
        SharesPage::of(Page::map(fd).unwrap(), column).unwrap()
    }

    #[test]
    fn lanes_see_what_the_others_have_and_a_column_that_is_emptied_is_given_back() {
        let fd = page();
        let (one, other) = (lane(&fd, 0), lane(&fd, 7));
        let row = one.row(42).unwrap();
        assert_eq!((other.row(42), other.row(43) == Some(row)), (Some(row), false));
        one.set(row, 3, true);
        other.set(row, 4, false);
        assert_eq!((one.others(row), other.others(row)), (Others { has: 4, want: 0 }, Others { has: 3, want: 1 }));
        assert_eq!(((one.sharers(), one.rank()), (other.sharers(), other.rank())), ((2, 0), (2, 1)));
        let (at, length) = share_column(0);
        fosse_sys::memfd::clear(&fd, at, length).unwrap();
        assert_eq!((other.others(row), other.sharers(), other.rank()), (Others::default(), 1, 0));
    }

    #[test]
    fn two_that_take_the_last_one_at_once_never_both_have_it() {
        const MAX: u64 = 5;
        let fd = page();
        let row = lane(&fd, 0).row(1).unwrap();
        let (most, have) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for column in 0..4 {
                let (lane, most, have) = (lane(&fd, column), &most, &have);
                scope.spawn(move || {
                    let (mut mine, mut had) = (0, 0);
                    while had < 2000 {
                        lane.set(row, mine + 1, false);
                        if lane.others(row).has + u64::from(mine) < MAX {
                            (mine, had) = (mine + 1, had + 1);
                            most.fetch_max(have.fetch_add(1, SeqCst) + 1, SeqCst);
                        }
                        if mine > 0 && (had % 3 == 0 || lane.others(row).has + u64::from(mine) >= MAX) {
                            // What counts it is told first, as a server is whose connection closes.
                            have.fetch_sub(1, SeqCst);
                            mine -= 1;
                        }
                        lane.set(row, mine, false);
                    }
                    have.fetch_sub(u64::from(mine), SeqCst);
                    lane.set(row, 0, false);
                });
            }
        });
        assert!((1..=MAX).contains(&most.load(SeqCst)), "{most:?}");
    }

    #[test]
    fn a_page_that_holds_anything_breaks_nobody_and_a_full_one_has_no_row() {
        let fd = page();
        let shares = lane(&fd, 3);
        let rows = (0..100_u64).filter_map(|n| shares.row(17 + n * ROWS as u64)).count();
        assert_eq!(rows, WAYS);
        assert!(shares.row(0).is_some_and(|row| row != LIVE));
        Page::map(&fd).unwrap().words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        assert!(shares.others(9).has >= u64::from(u32::MAX) && shares.sharers() == u32::from(SHARE_COLUMNS));
        assert!(shares.row(5).is_none());
        assert!(SharesPage::of(Page::map(&fd).unwrap(), SHARE_COLUMNS).is_none());
        let short = fosse_sys::memfd::page("test", 4096).unwrap();
        assert!(SharesPage::of(Page::map(&short).unwrap(), 0).is_none());
    }
}
