//! The fills under way, by their streams and by their keys.

use std::collections::HashMap;

use fosse_source::Source;
use fosse_wire::StreamId;

use crate::fill::Fill;

/// The use of a stream of the dispatch that is asked.
#[derive(Debug)]
enum Use {
    /// Nothing.
    Free,
    /// A fill.
    Fill(Box<Fill>),
    /// A response that nobody wants any more, with the bytes of it that have come.
    Unwanted(u64),
}

/// A place for a stream, with its current or next id.
#[derive(Debug)]
struct Slot {
    id: StreamId,
    used: Use,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Fills {
    slots: Vec<Slot>,
    free: Vec<usize>,
    by_hash: HashMap<u64, StreamId>,
    by_source: HashMap<Source, usize>,
    /// Bytes of all bodies.
    pub(crate) bytes: usize,
}

impl Fills {
    /// Returns the number of fills.
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Returns the number of fills of a source.
    pub(crate) fn of_source(&self, source: Source) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }

    /// Returns the fill of a key.
    pub(crate) fn of_key(&mut self, hash: u64, key: &[u8]) -> Option<&mut Fill> {
        let id = *self.by_hash.get(&hash)?;
        self.get(id).filter(|fill| fill.key == key)
    }

    /// Returns whether there is a fill for a hash: of this key, or of one that happens to have it.
    pub(crate) fn has(&self, hash: u64) -> bool {
        self.by_hash.contains_key(&hash)
    }

    pub(crate) fn get(&mut self, id: StreamId) -> Option<&mut Fill> {
        match self.slots.get_mut(id.slot()).filter(|slot| slot.id == id)? {
            Slot { used: Use::Fill(fill), .. } => Some(fill),
            _ => None,
        }
    }

    /// Returns the stream that the next fill has; `None` where there is none.
    pub(crate) fn next_id(&mut self) -> Option<StreamId> {
        if self.free.is_empty() {
            let at = self.slots.len();
            self.slots.push(Slot { id: StreamId::first(u32::try_from(at).ok()?)?, used: Use::Free });
            self.free.push(at);
        }
        self.free.last().and_then(|at| self.slots.get(*at)).map(|slot| slot.id)
    }

    /// Begins a fill on the stream that [`Fills::next_id`] has returned.
    pub(crate) fn begin(&mut self, fill: Fill) {
        let Some(at) = self.free.pop() else { return };
        if let Some(slot) = self.slots.get_mut(at) {
            self.by_hash.insert(fill.hash, slot.id);
            *self.by_source.entry(fill.source).or_default() += 1;
            slot.used = Use::Fill(Box::new(fill));
        }
    }

    /// Takes a fill out. What still comes of its response is unwanted.
    pub(crate) fn take(&mut self, id: StreamId) -> Option<Fill> {
        let slot = self.slots.get_mut(id.slot()).filter(|slot| slot.id == id)?;
        let Use::Fill(fill) = std::mem::replace(&mut slot.used, Use::Unwanted(0)) else {
            return None;
        };
        self.by_hash.remove(&fill.hash);
        if let Some(count) = self.by_source.get_mut(&fill.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&fill.source);
            }
        }
        self.bytes -= fill.body.len();
        Some(*fill)
    }

    /// Counts bytes of a response that nobody wants. Returns how many there were before; `None`
    /// where the stream has no such response.
    pub(crate) fn unwanted(&mut self, id: StreamId, bytes: usize) -> Option<u64> {
        let slot = self.slots.get_mut(id.slot()).filter(|slot| slot.id == id)?;
        let Use::Unwanted(seen) = &mut slot.used else { return None };
        let before = *seen;
        *seen += u64::try_from(bytes).unwrap_or(u64::MAX);
        Some(before)
    }

    /// Frees a stream whose response is over. Returns false where it was not in use.
    pub(crate) fn end(&mut self, id: StreamId) -> bool {
        let Some(slot) = self.slots.get_mut(id.slot()).filter(|slot| slot.id == id) else { return false };
        if !matches!(slot.used, Use::Unwanted(_)) {
            return false;
        }
        (slot.id, slot.used) = (id.next(), Use::Free);
        self.free.push(id.slot());
        true
    }

    /// Returns the streams of fills for which `which` holds.
    pub(crate) fn ids(&self, which: impl Fn(&Fill) -> bool) -> Vec<StreamId> {
        let is_one = |slot: &&Slot| matches!(&slot.used, Use::Fill(fill) if which(fill));
        self.slots.iter().filter(is_one).map(|slot| slot.id).collect()
    }

    /// Forgets the requests of a lane that is gone. Its fills go on.
    pub(crate) fn forget_peer(&mut self, peer: fosse_eventloop::slab::Key) {
        for slot in &mut self.slots {
            if let Use::Fill(fill) = &mut slot.used {
                fill.waiters.retain(|waiter| waiter.peer != peer);
            }
        }
    }
}
