//! What sources were sent of late, in a page that all lanes of an edge share, so that a source's
//! rate is one of the edge.
//!
//! A source that has a rate has a cell: its key, and the time until which what it was sent is paid
//! for (GCRA's theoretical arrival time). A cell whose time is over is free, whoever had it. Every
//! parse reads and writes the page, where others have one writer: what a parse that was taken over
//! can do with it is send too much, or be in others' way until [`AHEAD_NS_MAX`] is over.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

use fosse_sys::page::Page;

/// Cells of the page: sources that are sent something in the same eighth of a second.
const CELLS: usize = 32_768;
/// Cells in which a key may lie.
const WAYS: usize = 8;
/// Cells of a cell: its key, and the time.
const CELL_WORDS: usize = 2;
/// Size of the page in bytes.
pub const RATES_PAGE_BYTES: u64 = (CELLS * CELL_WORDS * 8) as u64;

/// Furthest time ahead that is believed. Nobody pays for more at a time than the slowest rate sends
/// in eight seconds.
const AHEAD_NS_MAX: u64 = 20_000_000_000;
/// Times that a payment is tried while others pay for the same source: there are 64 lanes at most.
const TRIES_MAX: usize = 64;

/// The cells.
#[derive(Debug)]
pub struct RatesPage(Cells);

#[derive(Debug)]
enum Cells {
    /// Those of all lanes.
    Shared(Page),
    /// Those of one lane that was given none.
    Own(Box<[AtomicU64]>),
}

impl RatesPage {
    /// Takes a page that lanes share; one that is shorter than such a page, or none, is replaced by
    /// memory of this process.
    #[must_use]
    pub fn of(page: Option<Page>) -> Self {
        let shared = page.filter(|page| page.words().len() >= CELLS * CELL_WORDS);
        let own = || Cells::Own((0..CELLS * CELL_WORDS).map(|_| AtomicU64::new(0)).collect());
        Self(shared.map_or_else(own, Cells::Shared))
    }

    /// Returns the time until which what a key was sent is paid for; none later than `now_ns` where
    /// nothing is owed.
    #[must_use]
    pub fn paid_until_ns(&self, key: u64, now_ns: u64) -> u64 {
        self.find(key).map_or(now_ns, |cell| believed(cell[1].load(Relaxed), now_ns))
    }

    /// Lets a key pay for `cost_ns` more. Where all its places are taken by others, the one that
    /// has paid first gives way: its source is sent no more than it may save.
    pub fn pay(&self, key: u64, now_ns: u64, cost_ns: u64) {
        let cell = self.find(key).unwrap_or_else(|| self.claim(key, now_ns));
        let mut seen = cell[1].load(Relaxed);
        for _ in 0..TRIES_MAX {
            match cell[1].compare_exchange_weak(seen, believed(seen, now_ns) + cost_ns, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    fn claim(&self, key: u64, now_ns: u64) -> &[AtomicU64] {
        let oldest = self.places(key).min_by_key(|cell| believed(cell[1].load(Relaxed), now_ns));
        let cell = oldest.unwrap_or_default();
        cell[1].store(now_ns, Relaxed);
        cell[0].store(key, Relaxed);
        cell
    }

    fn find(&self, key: u64) -> Option<&[AtomicU64]> {
        self.places(key).find(|cell| cell[0].load(Relaxed) == key)
    }

    /// Iterates over the cells in which a key may lie.
    fn places(&self, key: u64) -> impl Iterator<Item = &[AtomicU64]> {
        let words = match &self.0 {
            Cells::Shared(page) => page.words(),
            Cells::Own(words) => words,
        };
        // The rest of the division is below the number of cells.
        let first = usize::try_from(key % (CELLS as u64)).unwrap_or(0) / WAYS * WAYS;
        words[first * CELL_WORDS..][..WAYS * CELL_WORDS].chunks_exact(CELL_WORDS)
    }
}

/// Returns the time of a cell as far as it can be true: it is over, or a little ahead.
const fn believed(until_ns: u64, now_ns: u64) -> u64 {
    if until_ns < now_ns || until_ns - now_ns > AHEAD_NS_MAX { now_ns } else { until_ns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_pay_together_and_time_alone_makes_it_good() {
        let fd = fosse_sys::memfd::page("test", RATES_PAGE_BYTES).unwrap();
        let lane = || RatesPage::of(Some(Page::map(&fd).unwrap()));
        let (one, other) = (lane(), lane());
        one.pay(7, 1000, 500);
        other.pay(7, 1100, 500);
        assert_eq!([one.paid_until_ns(7, 1100), other.paid_until_ns(7, 1100)], [2000; 2]);
        assert_eq!((one.paid_until_ns(8, 1100), one.paid_until_ns(7, 3000)), (1100, 3000));
    }

    #[test]
    fn a_cell_whose_time_is_over_is_anybodys_and_with_none_free_the_oldest_gives_way() {
        let page = RatesPage::of(None);
        let cells = CELLS as u64;
        let key = |n: u64| 1 + n * cells;
        (0..8).for_each(|n| page.pay(key(n), 0, 100 + n));
        page.pay(key(8), 50, 1000);
        let until: Vec<u64> = (0..9).map(|n| page.paid_until_ns(key(n), 50)).collect();
        assert_eq!(until, [50, 101, 102, 103, 104, 105, 106, 107, 1050]);
    }

    #[test]
    fn a_page_that_holds_anything_lets_everybody_go_on() {
        let fd = fosse_sys::memfd::page("test", RATES_PAGE_BYTES).unwrap();
        let page = Page::map(&fd).unwrap();
        page.words().iter().for_each(|word| word.store(u64::MAX, Relaxed));
        let rates = RatesPage::of(Some(page));
        assert_eq!(rates.paid_until_ns(u64::MAX, 5), 5);
        rates.pay(9, 5, 10);
        assert_eq!(rates.paid_until_ns(9, 5), 15);
        let short = fosse_sys::memfd::page("test", 4096).unwrap();
        assert!(matches!(RatesPage::of(Some(Page::map(&short).unwrap())).0, Cells::Own(_)));
    }
}
