//! The connections of a source that wait for its rate, in the order in which they came: each sends
//! a piece when it is its turn, and goes to the end.

use std::collections::HashMap;

/// No slot.
const NONE: u32 = u32::MAX;

/// The ends of one line.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

/// The place of a connection.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: u64,
    before: u32,
    after: u32,
}

/// All lines, by the key of their source. To join and to leave one costs the same however long it
/// is.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    ends: HashMap<u64, Ends>,
    /// By slot.
    places: Vec<Option<Place>>,
    /// Slots that have become the first of their line.
    woken: Vec<u32>,
}

impl Lines {
    /// Returns whether a connection would be the first of its line: it is, or nobody waits.
    pub(crate) fn is_turn_of(&self, slot: u32, line: u64) -> bool {
        self.ends.get(&line).is_none_or(|ends| ends.first == slot)
    }

    /// Puts a connection at the end of a line, where it is in none yet.
    pub(crate) fn join(&mut self, slot: u32, line: u64) {
        if index(slot) >= self.places.len() {
            self.places.resize(index(slot) + 1, None);
        }
        if self.places[index(slot)].is_some() {
            return;
        }
        let ends = self.ends.entry(line).or_insert(Ends { first: slot, last: NONE });
        let before = std::mem::replace(&mut ends.last, slot);
        self.places[index(slot)] = Some(Place { line, before, after: NONE });
        if let Some(place) = self.place(before) {
            place.after = slot;
        }
    }

    /// Takes a connection out of its line, where it is in one. Whoever is first then is woken.
    pub(crate) fn leave(&mut self, slot: u32) {
        let Some(place) = self.places.get_mut(index(slot)).and_then(Option::take) else { return };
        let Some(ends) = self.ends.get_mut(&place.line) else { return };
        match (place.before, place.after) {
            (NONE, NONE) => drop(self.ends.remove(&place.line)),
            (NONE, after) => {
                ends.first = after;
                self.woken.push(after);
            }
            (before, NONE) => ends.last = before,
            _ => {}
        }
        if let Some(before) = self.place(place.before) {
            before.after = place.after;
        }
        if let Some(after) = self.place(place.after) {
            after.before = place.before;
        }
    }

    /// Takes a slot that has become the first of its line, where there is one.
    pub(crate) fn next_woken(&mut self) -> Option<u32> {
        self.woken.pop()
    }

    fn place(&mut self, slot: u32) -> Option<&mut Place> {
        self.places.get_mut(index(slot))?.as_mut()
    }
}

/// Slots are counted in 32 bits, which an index always has.
const fn index(slot: u32) -> usize {
    slot as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets whoever is first leave, until nobody is left.
    fn order(lines: &mut Lines, line: u64) -> Vec<u32> {
        std::iter::from_fn(|| {
            let first = lines.ends.get(&line)?.first;
            lines.leave(first);
            Some(first)
        })
        .collect()
    }

    #[test]
    fn connections_have_their_turns_as_they_came_and_whoever_is_next_is_woken() {
        let mut lines = Lines::default();
        assert!(lines.is_turn_of(5, 1));
        [5, 3, 9].iter().for_each(|slot| lines.join(*slot, 1));
        lines.join(4, 2);
        lines.join(3, 1);
        assert!(lines.is_turn_of(5, 1) && !lines.is_turn_of(3, 1) && !lines.is_turn_of(8, 1) && lines.is_turn_of(4, 2));
        lines.leave(5);
        lines.join(5, 1);
        assert_eq!((lines.next_woken(), lines.next_woken()), (Some(3), None));
        assert_eq!((order(&mut lines, 1), order(&mut lines, 2)), (vec![3, 9, 5], vec![4]));
    }

    #[test]
    fn one_that_is_gone_leaves_a_line_wherever_it_stands_and_nothing_stays_of_it() {
        for gone in 0..4 {
            let mut lines = Lines::default();
            (0..4).for_each(|slot| lines.join(slot, 7));
            (0..2).for_each(|_| lines.leave(gone));
            assert_eq!(lines.next_woken(), (gone == 0).then_some(1));
            assert_eq!(order(&mut lines, 7), (0..4).filter(|slot| *slot != gone).collect::<Vec<_>>());
            assert!(lines.ends.is_empty() && lines.places.iter().all(Option::is_none));
        }
    }
}
