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

/// Milliseconds that a client has for its next message before it makes room for new ones: four
/// round trips around the world. Else who has just come would go for who comes after it, and where
/// an attack holds connections elsewhere, the only one that a program has would go.
const PATIENCE_MS: u64 = 1_000;

/// Connections of a source that have that time, whatever is going on: a browser has six to a host.
/// Whoever has more has them for something else, and they go at once.
const PATIENT_CONNECTIONS_MAX: usize = 16;

/// Returns the slots of those that make room, `count` at the most.
pub fn choose(waiting: impl Iterator<Item = Waiting>, count: usize, now_ms: u64) -> Vec<u32> {
    let mut sources: HashMap<Source, Vec<Waiting>> = HashMap::new();
    waiting.for_each(|one| sources.entry(one.source).or_default().push(one));
    let mut sources: Vec<Vec<Waiting>> = sources.into_values().collect();
    // The oldest last, where it is taken from.
    sources.iter_mut().for_each(|all| all.sort_unstable_by_key(|one| std::cmp::Reverse(one.since_ms)));
    let may_go = |all: &Vec<Waiting>| {
        let is_late = |one: &Waiting| one.since_ms + PATIENCE_MS <= now_ms;
        all.len() > PATIENT_CONNECTIONS_MAX || all.last().is_some_and(is_late)
    };
    let oldest_of_largest = |sources: &mut Vec<Vec<Waiting>>| {
        let age = |all: &Vec<Waiting>| std::cmp::Reverse(all.last().map(|one| one.since_ms));
        let largest = sources.iter_mut().filter(|all| may_go(all)).max_by_key(|all| (all.len(), age(all)));
        largest?.pop()
    };
    (0..count).map_while(|_| oldest_of_largest(&mut sources)).map(|one| one.index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All have had their time.
    const LATE: u64 = 100 + PATIENCE_MS;

    fn waiting(index: u32, source: u8, since_ms: u64) -> Waiting {
        let source = Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, source]);
        Waiting { index, source, since_ms }
    }

    #[test]
    fn the_oldest_of_the_source_that_has_most_goes_first_until_sources_are_even() {
        let all = [waiting(0, 1, 5), waiting(1, 2, 30), waiting(2, 2, 10), waiting(3, 2, 20), waiting(4, 3, 40)];
        assert_eq!(choose(all.into_iter(), 2, LATE), [2, 3]);
        assert_eq!(choose(all.into_iter(), 3, LATE), [2, 3, 0], "among equals the oldest");
        assert_eq!(choose(all.into_iter(), 99, LATE).len(), 5);
    }

    #[test]
    fn who_has_just_come_stays_but_for_one_of_many() {
        let young = [waiting(0, 1, 900), waiting(1, 1, 100), waiting(2, 2, 901)];
        assert_eq!(choose(young.into_iter(), 3, 1_099), [0_u32; 0]);
        assert_eq!(choose(young.into_iter(), 3, 1_100), [1]);
        let many = || (0..20).map(|index| waiting(index, 1, 1_000));
        assert_eq!(choose(many().chain([waiting(99, 2, 1_000)]), 99, 1_000).len(), 20 - PATIENT_CONNECTIONS_MAX);
    }

    #[test]
    fn where_nobody_waits_nobody_goes() {
        assert_eq!(choose(std::iter::empty(), 3, LATE), [0_u32; 0]);
    }
}
