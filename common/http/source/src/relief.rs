//! The choice of the connections that make room for new ones: those that wait for their client, of
//! the source that has most of them, the oldest first.

use std::collections::HashMap;

use crate::Source;

/// A connection that waits for its client.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Its slot.
    pub index: u32,
    /// Its client.
    pub source: Source,
    /// Time since which it waits, in milliseconds.
    pub since_ms: u64,
}

/// Returns the slots of those that make room, `count` at the most.
pub fn choose(waiting: impl Iterator<Item = Waiting>, count: usize) -> Vec<u32> {
    let mut sources: HashMap<Source, Vec<Waiting>> = HashMap::new();
    waiting.for_each(|one| sources.entry(one.source).or_default().push(one));
    let mut sources: Vec<Vec<Waiting>> = sources.into_values().collect();
    // The oldest last, where it is taken from.
    sources.iter_mut().for_each(|all| all.sort_unstable_by_key(|one| std::cmp::Reverse(one.since_ms)));
    let oldest_of_largest = |sources: &mut Vec<Vec<Waiting>>| {
        let age = |all: &Vec<Waiting>| std::cmp::Reverse(all.last().map(|one| one.since_ms));
        sources.iter_mut().max_by_key(|all| (all.len(), age(all)))?.pop()
    };
    (0..count).map_while(|_| oldest_of_largest(&mut sources)).map(|one| one.index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(index: u32, source: u8, since_ms: u64) -> Waiting {
        let source = Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, source]);
        Waiting { index, source, since_ms }
    }

    #[test]
    fn the_oldest_of_the_source_that_has_most_goes_first_until_sources_are_even() {
        let all = [waiting(0, 1, 5), waiting(1, 2, 30), waiting(2, 2, 10), waiting(3, 2, 20), waiting(4, 3, 40)];
        assert_eq!(choose(all.into_iter(), 2), [2, 3]);
        assert_eq!(choose(all.into_iter(), 3), [2, 3, 0], "among equals the oldest");
        assert_eq!(choose(all.into_iter(), 99).len(), 5);
    }

    #[test]
    fn where_nobody_waits_nobody_goes() {
        assert_eq!(choose(std::iter::empty(), 3), [0_u32; 0]);
    }
}
