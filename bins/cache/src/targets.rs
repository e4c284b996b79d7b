//! The entries of each target. Most have one, for which no table is made.

use std::collections::{BTreeSet, HashMap};

/// The hashes of the entries of a target.
#[derive(Debug)]
enum Hashes {
    One(u64),
    #[expect(
        clippy::box_collection,
        reason = "few have several, and each entry of the table is as long as the longest"
    )]
    Several(Box<BTreeSet<u64>>),
}

impl Hashes {
    fn iter(&self) -> impl Iterator<Item = u64> {
        let (one, several) = match self {
            Self::One(hash) => (Some(*hash), None),
            Self::Several(hashes) => (None, Some(hashes.iter().copied())),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }
}

/// The entries of all targets, by the numbers of these.
#[derive(Debug, Default)]
pub(crate) struct Targets(HashMap<u64, Hashes>);

impl Targets {
    /// Adds an entry to a target.
    pub(crate) fn add(&mut self, target: u64, hash: u64) {
        let hashes = self.0.entry(target).or_insert(Hashes::One(hash));
        match hashes {
            Hashes::One(one) if *one == hash => {}
            Hashes::One(one) => *hashes = Hashes::Several(Box::new([*one, hash].into())),
            Hashes::Several(all) => drop(all.insert(hash)),
        }
    }

    /// Takes an entry out of a target.
    pub(crate) fn remove(&mut self, target: u64, hash: u64) {
        let is_empty = match self.0.get_mut(&target) {
            Some(Hashes::One(one)) => *one == hash,
            Some(Hashes::Several(all)) => all.remove(&hash) && all.is_empty(),
            None => false,
        };
        if is_empty {
            self.0.remove(&target);
        }
    }

    /// Returns the number of entries of a target.
    pub(crate) fn count(&self, target: u64) -> usize {
        self.0.get(&target).map_or(0, |hashes| match hashes {
            Hashes::One(_) => 1,
            Hashes::Several(all) => all.len(),
        })
    }

    /// Returns the entries of a target.
    pub(crate) fn of(&self, target: u64) -> Vec<u64> {
        self.0.get(&target).map_or_else(Vec::new, |hashes| hashes.iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_the_entries_that_were_added_and_not_taken_out() {
        let mut targets = Targets::default();
        for hash in [5, 5, 6, 7, 6] {
            targets.add(1, hash);
        }
        targets.add(2, 5);
        let mut all = targets.of(1);
        all.sort_unstable();
        assert_eq!((all, targets.count(1), targets.of(2)), (vec![5, 6, 7], 3, vec![5]));
        targets.remove(2, 9);
        assert_eq!(targets.count(2), 1);
        for hash in [5, 6, 7] {
            targets.remove(1, hash);
        }
        targets.remove(2, 5);
        assert_eq!((targets.count(1), targets.of(2), targets.0.len()), (0, vec![], 0));
    }
}
