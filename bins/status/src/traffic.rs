//! The traffic of sites and backends, and the denials of rules, by name: their numbers change with
//! the configuration.

use std::collections::{BTreeMap, btree_map::Entry};
use std::ops::Bound;
use std::rc::Rc;

use fosse_counters::{Counts, Kind, ROW_NONE, Sums, Traffic, row_counts, row_traffic};
use fosse_sys::page::PageReader;
use fosse_wire::launch::Program;

use crate::limits::{NAMES_MAX, RULE_NAMES_MAX};

/// The kind of thing that a program counts the traffic of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Site,
    Backend,
    Rule,
}

/// The programs that have clients, which count by site.
pub(crate) const FRONTS: [Program; 2] = [Program::Parse, Program::ParseH2];

impl Subject {
    /// Returns what the rows of a program's page are of; `None` for one without rows.
    pub(crate) fn of_program(program: &str) -> Option<Self> {
        let all = [Self::Site, Self::Backend, Self::Rule];
        all.into_iter().find(|subject| subject.programs().iter().any(|counts| counts.name() == program))
    }

    /// Returns the programs that count it.
    pub(crate) const fn programs(self) -> &'static [Program] {
        match self {
            Self::Site => &FRONTS,
            Self::Backend => &[Program::Dispatch],
            Self::Rule => &[Program::WafFilter],
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Site => Kind::Site,
            Self::Backend => Kind::Backend,
            Self::Rule => Kind::Rule,
        }
    }

    const fn names_max(self) -> usize {
        match self {
            Self::Site | Self::Backend => NAMES_MAX,
            Self::Rule => RULE_NAMES_MAX,
        }
    }

    /// Returns its word in pages.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Backend => "backend",
            Self::Rule => "rule",
        }
    }
}

/// The traffic of all sites, of all backends, or of all rules, by name.
#[derive(Debug)]
pub(crate) struct Names {
    subject: Subject,
    sums: Rc<Sums>,
    names: BTreeMap<String, Places>,
}

/// The places in which what has a name is counted.
#[derive(Debug)]
struct Places {
    /// The cell of the sums of processes that have ended.
    cell: usize,
    /// The rows of living ones.
    living: Vec<(Rc<PageReader>, usize)>,
}

impl Names {
    /// Goes on from the names in the sums.
    pub(crate) fn new(subject: Subject, sums: &Rc<Sums>) -> Self {
        let cells = sums.cells().filter(|(_, kind, _)| *kind == subject.kind());
        let names = cells.map(|(cell, _, name)| (name, Places { cell, living: Vec::new() })).collect();
        Self { subject, sums: Rc::clone(sums), names }
    }

    /// Adds a row of a living process. Where there are too many names, what has a new one counts
    /// with what belongs to none: nothing that was counted is lost. A name has its cell from then
    /// on, so that a row belongs to the same one for every fosse-status.
    pub(crate) fn add(&mut self, name: String, page: &Rc<PageReader>, row: usize) {
        let full = self.names.len() >= self.subject.names_max() && !self.names.contains_key(&name);
        let name = if full { ROW_NONE.to_owned() } else { name };
        let places = match self.names.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                // There is room for as many as there may be here.
                let Some(cell) = self.sums.add_cell(self.subject.kind(), new.key()) else { return };
                new.insert(Places { cell, living: Vec::new() })
            }
        };
        places.living.push((Rc::clone(page), row));
    }

    /// Forgets the page of a process that has ended; with its number, what it has counted is added
    /// to the sums first.
    pub(crate) fn end(&mut self, page: &Rc<PageReader>, number: Option<u32>) {
        for Places { cell, living } in self.names.values_mut() {
            let mut counts: Option<Counts> = None;
            living.retain(|(of, row)| {
                let lives = !Rc::ptr_eq(of, page);
                if !lives {
                    let of_row = row_counts(*row, |word| page.get(word));
                    let all = counts.get_or_insert([0; _]);
                    all.iter_mut().zip(of_row).for_each(|(all, count)| *all = all.wrapping_add(count));
                }
                lives
            });
            if let (Some(counts), Some(number)) = (counts, number) {
                self.sums.add(*cell, number, &counts);
            }
        }
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns those that come after a name, by name; all without one.
    pub(crate) fn after(&self, name: Option<&str>) -> impl Iterator<Item = (&str, Traffic)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.names.range::<str, _>((from, Bound::Unbounded)).map(|(name, places)| (name.as_str(), self.total(places)))
    }

    fn total(&self, places: &Places) -> Traffic {
        let mut total = self.sums.traffic(places.cell);
        places.living.iter().for_each(|(page, row)| total.add(&row_traffic(*row, |word| page.get(word))));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::{page_of, sums};

    #[test]
    fn names_that_are_ever_new_fill_no_memory_and_lose_no_count() {
        let (counters, page) = page_of(1);
        counters.count_aborted(0);
        let (page, sums) = (Rc::new(page), sums());
        let mut names = Names::new(Subject::Site, &sums);
        let ever_new = (0..NAMES_MAX + 5).map(|n| n.to_string()).chain(["0".to_owned()]);
        ever_new.for_each(|name| names.add(name, &page, 0));
        let check = |names: &Names| {
            assert_eq!(names.after(None).count(), NAMES_MAX + 1);
            let none = names.after(None).find(|(name, _)| *name == ROW_NONE).unwrap().1;
            let all: u64 = names.after(None).map(|(_, traffic)| traffic.aborted).sum();
            assert_eq!((none.aborted, all), (5, NAMES_MAX as u64 + 6));
        };
        check(&names);
        names.end(&page, Some(1));
        check(&names);
        assert_eq!(Rc::strong_count(&page), 1);
        check(&Names::new(Subject::Site, &sums));
    }
}
