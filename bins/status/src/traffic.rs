//! The traffic of sites and backends, by name: their numbers change with the configuration.

use std::collections::BTreeMap;

use fosse_counters::{ROW_NONE, Traffic};

use crate::limits::NAMES_MAX;

/// Sums by the name of a site or a backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums(BTreeMap<String, Traffic>);

impl Sums {
    /// Adds the rows of a process. Where there are too many names, what has a new one is added to
    /// what belongs to none: nothing that was counted is lost.
    pub(crate) fn add(&mut self, rows: Vec<(String, Traffic)>) {
        for (name, traffic) in rows {
            let full = self.0.len() >= NAMES_MAX && !self.0.contains_key(&name);
            self.0.entry(if full { ROW_NONE.to_owned() } else { name }).or_default().add(&traffic);
        }
    }

    /// Returns whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Traffic)> {
        self.0.iter().map(|(name, traffic)| (name.as_str(), traffic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_ever_new_fill_no_memory_and_lose_no_count() {
        let one = Traffic { aborted: 1, ..Traffic::default() };
        let mut sums = Sums::default();
        sums.add((0..NAMES_MAX + 5).map(|n| (n.to_string(), one.clone())).collect());
        sums.add(vec![("0".to_owned(), one)]);
        assert_eq!(sums.iter().count(), NAMES_MAX + 1);
        let none = sums.iter().find(|(name, _)| *name == ROW_NONE).unwrap().1;
        assert_eq!((none.aborted, sums.iter().map(|(_, traffic)| traffic.aborted).sum()), (5, NAMES_MAX as u64 + 6));
    }
}
