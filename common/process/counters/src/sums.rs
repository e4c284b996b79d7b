//! The sums of what processes that have ended had counted: a page that outlives fosse-status, its
//! one writer, which may be killed between any two stores.
//!
//! start numbers processes as they end, and hands over the page of each until its number is in
//! [`SUMS_LAST`]. Each sum is a cell of two slots, and one word of it says which of them holds and
//! up to which number: the next sum goes into the other slot, and that word is stored last. So a
//! cell is that of before or that of after, it knows whether it has a process, and whoever goes on
//! in the place of one that was killed adds the process again and reaches those cells alone that do
//! not have it.
//!
//! A process that is killed has done its stores in their order up to some store, as far as whoever
//! maps the page after it can see: the fences keep the compiler from another order.

use std::sync::atomic::{Ordering::Release, fence};

use crate::{
    Counters, ROWS_MAX, RULE_ROWS, TABLES, Traffic,
    traffic::{NAME_WORDS, ROW_COUNTS, name_at, traffic_at},
};

/// The form of the page: whoever finds another begins with no cell.
const FORM: usize = 0;
/// Changes with the layout of the page, and with the meaning of a word of a row.
const FORM_NOW: u64 = 1 << 32 | COUNTS as u64;
/// The number of the last process that is in all of its sums.
pub const SUMS_LAST: usize = 1;
/// The number of cells.
const CELLS: usize = 2;
const FIRST_CELL: usize = 8;

/// Words of a cell: what it sums up; the last number in it, doubled, and the slot that holds; its
/// name; the slots.
const KIND: usize = 0;
const THROUGH: usize = 1;
const NAME: usize = 2;
const SLOTS: usize = NAME + NAME_WORDS;
/// Numbers in a cell: those of a row, or of a program's own table.
const COUNTS: usize = ROW_COUNTS;
const CELL_WORDS: usize = SLOTS + 2 * COUNTS;

/// Names of sites, and of backends, that are summed up: those of two configurations, since sums
/// outlive a reload, and one for what has further ones.
const NAMES_MAX: usize = 2 * ROWS_MAX + 1;
/// The same of rules.
const RULE_NAMES_MAX: usize = 2 * RULE_ROWS + 1;
const CELLS_MAX: usize = TABLES.len() + 2 * NAMES_MAX + RULE_NAMES_MAX;
/// Size of the page in bytes. Only what is used of it is memory: 768 bytes for each name.
pub const SUMS_BYTES: u64 = ((FIRST_CELL + CELLS_MAX * CELL_WORDS) * 8) as u64;

const _: () = assert!(SUMS_BYTES as usize <= fosse_sys::page::PAGE_BYTES_MAX);
const _: () = {
    let mut at = 0;
    while at < TABLES.len() {
        assert!(TABLES[at].1.len() <= COUNTS);
        at += 1;
    }
};

/// The kind of thing that a cell sums up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The own counters of all processes of a program.
    Program = 1,
    /// The traffic of a site.
    Site = 2,
    /// The traffic of a backend.
    Backend = 3,
    /// The denials of a rule.
    Rule = 4,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Program, Self::Site, Self::Backend, Self::Rule];

    /// Returns how many names of this kind are summed up, the one for all further ones included.
    #[must_use]
    pub const fn names_max(self) -> usize {
        match self {
            Self::Program => TABLES.len(),
            Self::Site | Self::Backend => NAMES_MAX,
            Self::Rule => RULE_NAMES_MAX,
        }
    }
}

/// Numbers as a cell holds them: the words of a row, or those of a program's table with 0 for its
/// gauges.
pub type Counts = [u64; COUNTS];

/// The sums.
#[derive(Debug)]
pub struct Sums {
    page: Counters,
    /// Stores until a test has it killed.
    #[cfg(test)]
    stores_left: std::cell::Cell<u64>,
}

impl Sums {
    /// Takes over a page.
    #[must_use]
    pub fn new(page: Counters) -> Self {
        let sums = Self {
            page,
            #[cfg(test)]
            stores_left: u64::MAX.into(),
        };
        if sums.page.get(FORM) != FORM_NOW {
            sums.set(CELLS, 0);
            sums.set(FORM, FORM_NOW);
        }
        sums
    }

    /// Returns all cells: place, kind and name. An earlier writer may have put anything into the
    /// page.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Kind, String)> {
        (0..self.count()).filter_map(|cell| {
            let kind = Kind::ALL.into_iter().find(|kind| *kind as u64 == self.page.get(place(cell) + KIND))?;
            Some((cell, kind, name_at(place(cell) + NAME, |at| self.page.get(at))?))
        })
    }

    /// Adds a cell and returns its place; `None` where there is no room for it.
    #[must_use]
    pub fn add_cell(&self, kind: Kind, name: &str) -> Option<usize> {
        let cell = self.count();
        if cell >= CELLS_MAX {
            return None;
        }
        self.set(place(cell) + KIND, kind as u64);
        self.set(place(cell) + THROUGH, 0);
        self.page.set_name(place(cell) + NAME, name);
        // It is there with everything in it, or not.
        self.set(CELLS, cell as u64 + 1);
        Some(cell)
    }

    /// Returns a sum of a cell; 0 where nothing was added to it.
    #[must_use]
    pub fn get(&self, cell: usize, index: usize) -> u64 {
        match self.page.get(place(cell) + THROUGH) {
            0 => 0,
            through => self.page.get(slot(cell, through) + index),
        }
    }

    /// Returns the traffic of a cell.
    #[must_use]
    pub fn traffic(&self, cell: usize) -> Traffic {
        traffic_at(0, |index| self.get(cell, index))
    }

    /// Adds what the process of this number has counted to a cell, unless it has that already.
    pub fn add(&self, cell: usize, number: u32, counts: &Counts) {
        let through = self.page.get(place(cell) + THROUGH);
        if through >> 1 >= u64::from(number) {
            return;
        }
        let next = u64::from(number) << 1 | (!through & 1);
        for (index, count) in counts.iter().enumerate() {
            self.set(slot(cell, next) + index, self.get(cell, index).wrapping_add(*count));
        }
        self.set(place(cell) + THROUGH, next);
    }

    /// Notes that the process of this number is in all of its sums: start forgets it.
    pub fn set_last(&self, number: u32) {
        self.set(SUMS_LAST, self.page.get(SUMS_LAST).max(u64::from(number)));
    }

    fn count(&self) -> usize {
        usize::try_from(self.page.get(CELLS)).unwrap_or(usize::MAX).min(CELLS_MAX)
    }

    /// Stores a word, after all that was stored before.
    fn set(&self, word: usize, value: u64) {
        #[cfg(test)]
        match self.stores_left.get() {
            0 => return,
            left => self.stores_left.set(left - 1),
        }
        fence(Release);
        self.page.set(word, value);
    }
}

/// Returns the first word of a cell. One beyond the page is written to nowhere.
const fn place(cell: usize) -> usize {
    let cell = if cell < CELLS_MAX { cell } else { CELLS_MAX };
    FIRST_CELL + cell * CELL_WORDS
}

const fn slot(cell: usize, through: u64) -> usize {
    place(cell) + SLOTS + if through & 1 == 0 { 0 } else { COUNTS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_sys::{memfd, page::Page};
    use std::os::fd::OwnedFd;

    fn page() -> OwnedFd {
        memfd::page("test", SUMS_BYTES).unwrap()
    }

    fn sums(page: &OwnedFd) -> Sums {
        Sums::new(Counters::shared(Page::map(page).unwrap()))
    }

    /// Adds what a process has counted, as fosse-status does.
    fn add(sums: &Sums, number: u32) {
        for (name, count) in [("a", 1), ("b", 10), ("a.example", 100)] {
            let known = sums.cells().find(|(_, kind, known)| (*kind, known.as_str()) == (Kind::Site, name));
            let Some(cell) = known.map(|(cell, ..)| cell).or_else(|| sums.add_cell(Kind::Site, name)) else { return };
            sums.add(cell, number, &[count * u64::from(number); COUNTS]);
        }
        sums.set_last(number);
    }

    fn seen(sums: &Sums) -> Vec<(String, Vec<u64>)> {
        sums.cells().map(|(cell, _, name)| (name, (0..COUNTS).map(|at| sums.get(cell, at)).collect())).collect()
    }

    #[test]
    fn a_process_is_added_once() {
        let page = page();
        let all = sums(&page);
        for number in [1, 1, 2, 2, 1] {
            add(&all, number);
            let cells: Vec<usize> = all.cells().map(|(cell, ..)| cell).collect();
            cells.iter().for_each(|cell| all.add(*cell, number, &[7; COUNTS]));
        }
        let expected = [("a", 3), ("b", 30), ("a.example", 300)];
        assert_eq!(seen(&all), expected.map(|(name, sum)| (name.to_owned(), vec![sum; COUNTS])));
        assert_eq!(seen(&sums(&page)), seen(&all), "the next one has the same");
        assert_eq!(all.traffic(1).responses(), 30 * 5);
    }

    #[test]
    fn whoever_goes_on_after_a_kill_anywhere_comes_to_the_same_sums() {
        let whole = sums(&page());
        (1..=3).for_each(|number| add(&whole, number));
        for stores in 0.. {
            let page = page();
            let killed = sums(&page);
            killed.stores_left.set(stores);
            (1..=3).for_each(|number| add(&killed, number));
            let is_over = killed.stores_left.get() > 0;
            let next = sums(&page);
            (1..=3).for_each(|number| add(&next, number));
            assert_eq!(seen(&next), seen(&whole), "after {stores} stores");
            if is_over {
                return assert!(stores > 9 * COUNTS as u64);
            }
        }
    }

    #[test]
    fn a_page_of_another_form_begins_with_no_cell_and_one_full_of_anything_is_bounded() {
        let (page, other) = (page(), Page::map(page()).unwrap());
        let old = sums(&page);
        add(&old, 1);
        old.page.set(FORM, FORM_NOW + 1);
        let new = sums(&page);
        assert_eq!(new.cells().count(), 0);
        assert_eq!(new.add_cell(Kind::Site, "a").map(|cell| new.get(cell, 0)), Some(0));
        other.words().iter().for_each(|word| word.store(u64::MAX, std::sync::atomic::Ordering::Relaxed));
        other.words()[FORM].store(FORM_NOW, std::sync::atomic::Ordering::Relaxed);
        let anything = Sums::new(Counters::shared(other));
        assert_eq!((anything.cells().count(), anything.add_cell(Kind::Site, "a")), (0, None));
        anything.add(0, 1, &[1; COUNTS]);
        assert_eq!(anything.get(usize::MAX, 0), 0);
    }

    #[test]
    fn there_is_room_for_every_name_of_every_kind() {
        let sums = sums(&page());
        for kind in Kind::ALL {
            assert!((0..kind.names_max()).all(|at| sums.add_cell(kind, &at.to_string()).is_some()), "{kind:?}");
        }
        assert_eq!(sums.add_cell(Kind::Rule, "more"), None);
    }
}
