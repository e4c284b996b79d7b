//! Those that wait for their handshake, the sources by turns: a source that comes with hundreds at
//! once keeps another one waiting for one of its own.

use std::collections::{HashMap, VecDeque};

use fosse_eventloop::slab::Key;
use fosse_source::Source;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    turns: VecDeque<Source>,
    waiting: HashMap<Source, VecDeque<Key>>,
}

impl Queue {
    /// Adds a client. How many a source may have is not looked at here.
    pub(crate) fn push(&mut self, source: Source, client: Key) {
        let of_source = self.waiting.entry(source).or_default();
        if of_source.is_empty() {
            self.turns.push_back(source);
        }
        of_source.push_back(client);
    }

    /// Takes the next one: the first of the source whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Key> {
        let source = self.turns.pop_front()?;
        let of_source = self.waiting.get_mut(&source)?;
        let next = of_source.pop_front();
        if of_source.is_empty() {
            self.waiting.remove(&source);
        } else {
            self.turns.push_back(source);
        }
        next
    }

    /// Returns whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_eventloop::slab::Slab;

    #[test]
    fn sources_have_turns_whatever_number_each_has() {
        let (mut queue, mut slab) = (Queue::default(), Slab::default());
        let (many, few) = (Source::of(&[7; 16]), Source::LOCAL);
        let keys: Vec<Key> = (0..6).map(|n| slab.insert(n).unwrap()).collect();
        keys[..5].iter().for_each(|key| queue.push(many, *key));
        queue.push(few, keys[5]);
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(Key::slot).collect();
        assert_eq!(order, [0, 5, 1, 2, 3, 4]);
        assert!(queue.is_empty() && queue.waiting.is_empty());
    }
}
