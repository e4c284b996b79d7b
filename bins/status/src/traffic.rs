//! The traffic of sites and backends, and the denials of rules, by name: their numbers change with
//! the configuration.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use fosse_counters::{ROW_NONE, Traffic, row_traffic};
use fosse_sys::page::PageReader;
use fosse_wire::launch::Program;

use crate::limits::NAMES_MAX;

/// The kind of thing that a program counts the traffic of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Site,
    Backend,
    Rule,
}

impl Subject {
    /// Returns what the rows of a program's page are of; `None` for one without rows.
    pub(crate) fn of_program(program: &str) -> Option<Self> {
        [Self::Site, Self::Backend, Self::Rule].into_iter().find(|subject| subject.program().name() == program)
    }

    /// Returns the program that counts it.
    pub(crate) const fn program(self) -> Program {
        match self {
            Self::Site => Program::Parse,
            Self::Backend => Program::Dispatch,
            Self::Rule => Program::WafFilter,
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
#[derive(Debug, Default)]
pub(crate) struct Sums(BTreeMap<String, Sum>);

/// The traffic that has been counted under a name, and where more is counted.
#[derive(Debug, Default)]
struct Sum {
    /// That of processes that have ended.
    gone: Traffic,
    /// The rows of living ones.
    living: Vec<(Rc<PageReader>, usize)>,
}

impl Sum {
    fn total(&self) -> Traffic {
        let mut total = self.gone.clone();
        self.living.iter().for_each(|(page, row)| total.add(&row_traffic(*row, |word| page.get(word))));
        total
    }
}

impl Sums {
    /// Adds a row of a living process. Where there are too many names, what has a new one counts
    /// with what belongs to none: nothing that was counted is lost.
    pub(crate) fn add(&mut self, name: String, page: &Rc<PageReader>, row: usize) {
        let full = self.0.len() >= NAMES_MAX && !self.0.contains_key(&name);
        let name = if full { ROW_NONE.to_owned() } else { name };
        self.0.entry(name).or_default().living.push((Rc::clone(page), row));
    }

    /// Keeps what a process has counted that has ended, and not its page.
    pub(crate) fn end(&mut self, page: &Rc<PageReader>) {
        for sum in self.0.values_mut() {
            let Sum { gone, living } = sum;
            living.retain(|(of, row)| {
                let lives = !Rc::ptr_eq(of, page);
                if !lives {
                    gone.add(&row_traffic(*row, |word| page.get(word)));
                }
                lives
            });
        }
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns those whose names come after one, by name; all without one.
    pub(crate) fn after(&self, name: Option<&str>) -> impl Iterator<Item = (&str, Traffic)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.range::<str, _>((from, Bound::Unbounded)).map(|(name, sum)| (name.as_str(), sum.total()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::page_of;

    #[test]
    fn names_that_are_ever_new_fill_no_memory_and_lose_no_count() {
        let (counters, page) = page_of(1);
        counters.count_aborted(0);
        let page = Rc::new(page);
        let mut sums = Sums::default();
        let names = (0..NAMES_MAX + 5).map(|n| n.to_string()).chain(["0".to_owned()]);
        names.for_each(|name| sums.add(name, &page, 0));
        for _ in 0..2 {
            assert_eq!(sums.after(None).count(), NAMES_MAX + 1);
            let none = sums.after(None).find(|(name, _)| *name == ROW_NONE).unwrap().1;
            let all: u64 = sums.after(None).map(|(_, traffic)| traffic.aborted).sum();
            assert_eq!((none.aborted, all), (5, NAMES_MAX as u64 + 6));
            sums.end(&page);
        }
        assert_eq!(Rc::strong_count(&page), 1);
    }
}
