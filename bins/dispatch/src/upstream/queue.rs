//! The queue of a backend: requests that wait until one of its servers has room.

use std::collections::VecDeque;

use fosse_wire::StreamId;

use super::tried::Tried;

/// A request in the queue.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: StreamId,
    /// Servers that must not get it.
    tried: Tried,
}

/// The requests of one backend that have no server yet, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Entry>);

impl Queue {
    /// Returns the number of requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a request. Servers it has tried do not get it.
    pub(crate) fn push(&mut self, id: StreamId, tried: Tried) {
        self.0.push_back(Entry { id, tried });
    }

    /// Takes out the request that is next for the server at that place of the backend.
    pub(crate) fn pop_for(&mut self, place: u32) -> Option<StreamId> {
        let at = self.0.iter().position(|entry| !entry.tried.contains(place))?;
        self.0.remove(at).map(|entry| entry.id)
    }

    /// Takes a request out. Returns whether it was there.
    pub(crate) fn remove(&mut self, id: StreamId) -> bool {
        let at = self.0.iter().position(|entry| entry.id == id);
        at.and_then(|at| self.0.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(slot: u32) -> StreamId {
        StreamId::first(slot).unwrap()
    }

    #[test]
    fn the_oldest_request_that_has_not_tried_a_server_is_the_next_for_it() {
        let (mut queue, mut tried) = (Queue::default(), Tried::default());
        tried.add(1);
        queue.push(id(0), tried);
        queue.push(id(1), Tried::default());
        assert_eq!((queue.pop_for(1), queue.pop_for(1)), (Some(id(1)), None));
        assert_eq!((queue.pop_for(0), queue.len()), (Some(id(0)), 0));
    }

    #[test]
    fn a_request_that_left_is_not_there_any_more() {
        let mut queue = Queue::default();
        queue.push(id(0), Tried::default());
        assert!(queue.remove(id(0)) && !queue.remove(id(0)));
        assert_eq!(queue.pop_for(0), None);
    }
}
