//! The queue of a backend: requests that wait until one of its servers has room. Its order goes
//! round the sources, so that whoever asks most waits longest.

use std::collections::VecDeque;

use fosse_source::Source;
use fosse_wire::StreamId;

use super::tried::Tried;

/// A request in the queue.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: StreamId,
    /// Servers that must not get it: those it has been to, or all but the one it belongs to.
    tried: Tried,
}

/// The requests that a server may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eligible {
    /// Those that have not been to the server at this place of the backend.
    pub(super) place: u32,
    /// Those that have been to all of these, which come before it.
    pub(super) first: Tried,
}

impl Entry {
    const fn is_for(&self, eligible: Eligible) -> bool {
        !self.tried.contains(eligible.place) && self.tried.contains_all(eligible.first)
    }
}

/// The requests of one source, the oldest first.
#[derive(Debug)]
struct OfSource {
    source: Source,
    entries: VecDeque<Entry>,
}

/// The requests of one backend that have no server yet, by source: the source whose turn is next
/// first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    rounds: VecDeque<OfSource>,
    length: usize,
}

impl Queue {
    /// Returns the number of requests that wait.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Returns whether none waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the sources that wait.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Source> {
        self.rounds.iter().map(|of| of.source)
    }

    /// Adds a request. Servers it has tried do not get it.
    pub(crate) fn push(&mut self, id: StreamId, source: Source, tried: Tried) {
        self.length += 1;
        let entry = Entry { id, tried };
        match self.rounds.iter_mut().find(|of| of.source == source) {
            Some(of) => of.entries.push_back(entry),
            None => self.rounds.push_back(OfSource { source, entries: VecDeque::from([entry]) }),
        }
    }

    /// Makes it the turn of a source.
    pub(crate) fn give_turn(&mut self, source: Source) {
        if let Some(of) = self.rounds.iter().position(|of| of.source == source).and_then(|at| self.rounds.remove(at)) {
            self.rounds.push_front(of);
        }
    }

    /// Returns whether a server may have one of the requests.
    pub(super) fn has_for(&self, eligible: Eligible) -> bool {
        self.rounds.iter().any(|of| of.entries.iter().any(|entry| entry.is_for(eligible)))
    }

    /// Takes out the request that is next for a server. Its source is last from now on.
    pub(super) fn pop_for(&mut self, eligible: Eligible) -> Option<StreamId> {
        let of_source = |of: &OfSource| of.entries.iter().position(|entry| entry.is_for(eligible));
        let (round, at) = self.rounds.iter().enumerate().find_map(|(round, of)| Some((round, of_source(of)?)))?;
        let mut of = self.rounds.remove(round)?;
        let entry = of.entries.remove(at)?;
        self.length -= 1;
        if !of.entries.is_empty() {
            self.rounds.push_back(of);
        }
        Some(entry.id)
    }

    /// Takes a request out. Returns whether it was there.
    pub(crate) fn remove(&mut self, id: StreamId) -> bool {
        let place = |of: &OfSource| of.entries.iter().position(|entry| entry.id == id);
        let found = self.rounds.iter().enumerate().find_map(|(round, of)| Some((round, place(of)?)));
        let Some((round, at)) = found else { return false };
        self.rounds[round].entries.remove(at);
        self.length -= 1;
        if self.rounds[round].entries.is_empty() {
            self.rounds.remove(round);
        }
        true
    }

    /// Makes room for a request of `source`: takes out the last one of the source that has most in
    /// the queue, if that is not `source` itself.
    pub(crate) fn displace(&mut self, source: Source) -> Option<StreamId> {
        let of_source = |of: &&OfSource| of.source == source;
        let own = self.rounds.iter().find(of_source).map_or(0, |of| of.entries.len());
        let heaviest = self.rounds.iter_mut().max_by_key(|of| of.entries.len())?;
        // With as many as the heaviest after this one it would be its turn to be taken out.
        if heaviest.entries.len() <= own + 1 {
            return None;
        }
        self.length -= 1;
        heaviest.entries.pop_back().map(|entry| entry.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> StreamId {
        StreamId::first(slot).unwrap()
    }

    fn source(n: u8) -> Source {
        Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n])
    }

    /// A queue of requests of these sources; the slot is the order in which they came.
    fn queue(sources: &[u8]) -> Queue {
        let mut queue = Queue::default();
        for (slot, n) in (0..).zip(sources) {
            queue.push(id(slot), source(*n), Tried::default());
        }
        queue
    }

    /// The requests that have not been to the server at that place.
    fn not_yet(place: u32) -> Eligible {
        Eligible { place, first: Tried::default() }
    }

    fn order(mut queue: Queue) -> Vec<u32> {
        let slot = |id: StreamId| u32::try_from(id.slot()).unwrap();
        std::iter::from_fn(|| queue.pop_for(not_yet(0))).map(slot).collect()
    }

    #[test]
    fn the_oldest_request_that_has_not_tried_a_server_is_the_next_for_it() {
        let (mut queue, mut tried) = (Queue::default(), Tried::default());
        tried.add(1);
        queue.push(id(0), source(1), tried);
        queue.push(id(1), source(1), Tried::default());
        assert_eq!((queue.pop_for(not_yet(1)), queue.pop_for(not_yet(1))), (Some(id(1)), None));
        assert!(queue.has_for(not_yet(0)) && !queue.has_for(not_yet(1)));
        assert_eq!((queue.pop_for(not_yet(0)), queue.len()), (Some(id(0)), 0));
    }

    #[test]
    fn a_backup_server_gets_those_that_have_been_to_every_other_one() {
        let (mut queue, mut all, mut one) = (queue(&[1]), Tried::default(), Tried::default());
        [0, 1].into_iter().for_each(|place| all.add(place));
        one.add(0);
        queue.push(id(1), source(1), one);
        queue.push(id(2), source(2), all);
        let of_backup = Eligible { place: 2, first: all };
        assert_eq!((queue.pop_for(of_backup), queue.has_for(of_backup)), (Some(id(2)), false));
    }

    #[test]
    fn a_request_that_left_is_not_there_any_more() {
        let mut queue = queue(&[1]);
        assert!(queue.remove(id(0)) && !queue.remove(id(0)));
        assert_eq!((queue.pop_for(not_yet(0)), queue.is_empty(), queue.sources().count()), (None, true, 0));
    }

    #[test]
    fn the_order_goes_round_the_sources_and_in_each_by_age() {
        assert_eq!(order(queue(&[1, 1, 1, 1, 2, 3, 2])), [0, 4, 5, 1, 6, 2, 3]);
        assert_eq!(order(queue(&[1, 1, 1])), [0, 1, 2], "one source alone has all");
    }

    #[test]
    fn a_source_may_be_given_its_turn() {
        let mut waiting = queue(&[1, 1, 2, 3]);
        waiting.give_turn(source(3));
        waiting.give_turn(source(9));
        assert_eq!(order(waiting), [3, 0, 2, 1]);
    }

    #[test]
    fn a_full_queue_makes_room_at_the_cost_of_the_source_that_has_most_in_it() {
        let mut full = queue(&[1, 1, 1, 2]);
        assert_eq!(full.displace(source(1)), None, "it would displace itself");
        assert_eq!(full.displace(source(3)), Some(id(2)), "the one that came last");
        assert_eq!((full.displace(source(2)), full.len()), (None, 3), "two and one are as even as can be");
        assert_eq!(order(full), [0, 3, 1]);
    }
}
