//! The attempts that wait: sources by turns, few of each, one of each user of a source. No I/O, no
//! clock.

use std::collections::{HashMap, VecDeque};

use fosse_eventloop::slab::Key;
use fosse_source::Source;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::limits::{ATTEMPT_REQUESTS_MAX, ATTEMPTS_MAX, SOURCE_ATTEMPTS_MAX};

/// A dispatch that waits for the result of an attempt, and its tag.
pub type Waiting = (Key, u32);

/// A name and a password that somebody has sent.
#[derive(Debug)]
pub struct Attempt {
    /// The list of users.
    pub list: u32,
    /// Whose attempt it is.
    pub source: Source,
    /// The name.
    pub name: Zeroizing<Vec<u8>>,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
    /// Those who wait for it.
    pub waiting: Vec<Waiting>,
    /// Time of its arrival, in milliseconds.
    pub since_ms: u64,
}

impl Attempt {
    fn is_of_user(&self, other: &Self) -> bool {
        self.list == other.list && self.name == other.name
    }

    fn has_password(&self, other: &Self) -> bool {
        self.password.ct_eq(&other.password).into()
    }
}

/// The attempts that wait.
#[derive(Debug, Default)]
pub struct Attempts {
    of_source: HashMap<Source, VecDeque<Attempt>>,
    /// Every source that has some, in the order of their turns.
    turns: VecDeque<Source>,
    count: usize,
}

impl Attempts {
    /// Adds an attempt, or joins it to one that is the same. Returns those that have to go without
    /// a result: its own, or those of a source that has more.
    #[must_use]
    pub fn add(&mut self, attempt: Attempt) -> Vec<Waiting> {
        let of_source = self.of_source.get_mut(&attempt.source);
        let count = of_source.as_ref().map_or(0, |attempts| attempts.len());
        let same = of_source.and_then(|attempts| attempts.iter_mut().find(|other| other.is_of_user(&attempt)));
        if let Some(same) = same {
            // Another password for a user whose last one is still looked at is a guess.
            if !same.has_password(&attempt) || same.waiting.len() >= ATTEMPT_REQUESTS_MAX {
                return attempt.waiting;
            }
            same.waiting.extend(attempt.waiting);
            return Vec::new();
        }
        if count >= SOURCE_ATTEMPTS_MAX {
            return attempt.waiting;
        }
        let gives_way = if self.count < ATTEMPTS_MAX {
            Vec::new()
        } else {
            match self.largest().filter(|(_, most)| *most > count + 1) {
                Some((source, _)) => self.drop_last(source),
                None => return attempt.waiting,
            }
        };
        let source = attempt.source;
        let attempts = self.of_source.entry(source).or_default();
        if attempts.is_empty() {
            self.turns.push_back(source);
        }
        attempts.push_back(attempt);
        self.count += 1;
        gives_way
    }

    /// Takes the attempt whose turn it is: the oldest one of the source that has waited longest.
    pub fn take(&mut self) -> Option<Attempt> {
        let source = self.turns.pop_front()?;
        let attempts = self.of_source.get_mut(&source)?;
        let attempt = attempts.pop_front()?;
        if attempts.is_empty() {
            self.of_source.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        self.count -= 1;
        Some(attempt)
    }

    /// Forgets a dispatch that is gone, and what nobody else waits for.
    pub fn forget(&mut self, asker: Key) {
        for attempts in self.of_source.values_mut() {
            attempts.iter_mut().for_each(|attempt| attempt.waiting.retain(|(of, _)| *of != asker));
            attempts.retain(|attempt| !attempt.waiting.is_empty());
        }
        self.of_source.retain(|_, attempts| !attempts.is_empty());
        self.turns.retain(|source| self.of_source.contains_key(source));
        self.count = self.of_source.values().map(VecDeque::len).sum();
    }

    /// Returns the number of attempts.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Returns whether none waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the source that has most, and how many those are.
    fn largest(&self) -> Option<(Source, usize)> {
        let sizes = self.of_source.iter().map(|(source, attempts)| (*source, attempts.len()));
        sizes.max_by_key(|(_, count)| *count)
    }

    fn drop_last(&mut self, source: Source) -> Vec<Waiting> {
        let dropped = self.of_source.get_mut(&source).and_then(VecDeque::pop_back);
        self.count -= usize::from(dropped.is_some());
        dropped.map(|attempt| attempt.waiting).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_eventloop::slab::Slab;

    fn source(number: u32) -> Source {
        Source::of_parts(false, u64::from(number))
    }

    fn attempt(of: u32, name: &str, password: &str, waiting: Waiting) -> Attempt {
        let [name, password] = [name, password].map(|text| Zeroizing::new(text.as_bytes().to_vec()));
        Attempt { list: 0, source: source(of), name, password, waiting: vec![waiting], since_ms: 0 }
    }

    fn askers() -> (Key, Key) {
        let mut slab = Slab::default();
        (slab.insert(()).unwrap(), slab.insert(()).unwrap())
    }

    fn order(attempts: &mut Attempts) -> Vec<u32> {
        std::iter::from_fn(|| attempts.take()).map(|attempt| attempt.waiting[0].1).collect()
    }

    #[test]
    fn sources_have_turns_whoever_has_come_first() {
        let (asker, _) = askers();
        let mut attempts = Attempts::default();
        for tag in 0..8 {
            assert!(attempts.add(attempt(1, &format!("u{tag}"), "x", (asker, tag))).is_empty());
        }
        assert!(attempts.add(attempt(2, "ann", "right", (asker, 100))).is_empty());
        assert!(attempts.add(attempt(3, "bob", "right", (asker, 200))).is_empty());
        assert_eq!(order(&mut attempts), [0, 100, 200, 1, 2, 3, 4, 5, 6, 7]);
        assert!(attempts.is_empty() && attempts.of_source.is_empty() && attempts.turns.is_empty());
    }

    #[test]
    fn a_source_has_few_and_one_of_each_user_at_a_time() {
        let (asker, other) = askers();
        let mut attempts = Attempts::default();
        assert!(attempts.add(attempt(1, "ann", "a", (asker, 1))).is_empty());
        assert_eq!(attempts.add(attempt(1, "ann", "b", (asker, 2))), [(asker, 2)], "a guess beside a guess");
        assert!(attempts.add(attempt(1, "ann", "a", (other, 3))).is_empty(), "the same one of another lane");
        assert!(attempts.add(attempt(2, "ann", "b", (asker, 4))).is_empty(), "another source's");
        assert_eq!(attempts.len(), 2);
        assert_eq!(attempts.take().unwrap().waiting, [(asker, 1), (other, 3)]);
        for tag in 0..20 {
            let refused = attempts.add(attempt(3, &format!("u{tag}"), "x", (asker, tag)));
            assert_eq!(refused.is_empty(), usize::try_from(tag).unwrap() < SOURCE_ATTEMPTS_MAX, "{tag}");
        }
        for tag in 1..300 {
            let refused = attempts.add(attempt(2, "ann", "b", (asker, tag)));
            assert_eq!(refused.is_empty(), usize::try_from(tag).unwrap() < ATTEMPT_REQUESTS_MAX, "{tag}");
        }
    }

    #[test]
    fn when_there_is_no_room_whoever_has_most_gives_one_up_for_whoever_has_less() {
        let (asker, _) = askers();
        let mut attempts = Attempts::default();
        let sources = u32::try_from(ATTEMPTS_MAX / SOURCE_ATTEMPTS_MAX).unwrap();
        for of in 0..sources {
            for tag in 0..8 {
                assert!(attempts.add(attempt(of, &format!("u{tag}"), "x", (asker, tag))).is_empty());
            }
        }
        assert_eq!(attempts.len(), ATTEMPTS_MAX);
        assert_eq!(attempts.add(attempt(9999, "ann", "x", (asker, 100))), [(asker, 7)]);
        assert_eq!(attempts.len(), ATTEMPTS_MAX);
        // Where all have one there is nobody who has more.
        let mut attempts = Attempts::default();
        for of in 0..u32::try_from(ATTEMPTS_MAX).unwrap() {
            assert!(attempts.add(attempt(of, "ann", "x", (asker, of))).is_empty());
        }
        assert_eq!(attempts.add(attempt(5000, "ann", "x", (asker, 1))), [(asker, 1)]);
        assert_eq!(attempts.add(attempt(0, "bob", "x", (asker, 2))), [(asker, 2)]);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_forgotten() {
        let (asker, other) = askers();
        let mut attempts = Attempts::default();
        for (of, asker) in [(1, asker), (1, other), (2, asker), (3, other)] {
            let _ = attempts.add(attempt(of, "ann", "x", (asker, of)));
        }
        let _ = attempts.add(attempt(1, "bob", "x", (asker, 9)));
        attempts.forget(asker);
        assert_eq!((attempts.len(), order(&mut attempts)), (2, vec![1, 3]));
    }
}
