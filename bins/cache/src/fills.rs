//! The fills under way, by who asks for them and by their keys.

use std::collections::HashMap;

use fosse_eventloop::slab::Key;
use fosse_source::{Budget, Source};
use fosse_wire::StreamId;

use crate::{
    fill::{Asker, Fill},
    limits::FILL_BYTES_MAX,
};

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
#[derive(Debug)]
pub(crate) struct Fills {
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Those that lanes ask for.
    led: HashMap<(Key, u32), Box<Fill>>,
    by_hash: HashMap<u64, Asker>,
    by_source: HashMap<Source, usize>,
    /// Bytes of all bodies, by the source of who asked first.
    bytes: Budget,
}

impl Default for Fills {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            led: HashMap::new(),
            by_hash: HashMap::new(),
            by_source: HashMap::new(),
            bytes: Budget::new(FILL_BYTES_MAX),
        }
    }
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

    /// Returns who asks for the response of a key.
    pub(crate) fn of_key(&mut self, hash: u64, key: &[u8]) -> Option<Asker> {
        let asker = *self.by_hash.get(&hash)?;
        self.get(asker).is_some_and(|fill| fill.key == key).then_some(asker)
    }

    /// Returns whether a source may have more bytes of bodies under way.
    pub(crate) fn has_room(&self, source: Source) -> bool {
        self.bytes.room(source) > 0
    }

    /// Appends to the body of a fill. Returns its length; `None` where there is no room for it.
    pub(crate) fn append(&mut self, asker: Asker, bytes: &[u8]) -> Option<usize> {
        let source = self.get(asker)?.source;
        if self.bytes.room(source) < bytes.len() {
            return None;
        }
        self.bytes.add(source, bytes.len());
        let fill = self.get(asker)?;
        fill.body.extend_from_slice(bytes);
        Some(fill.body.len())
    }

    /// Returns whether there is a fill for a hash: of this key, or of one that happens to have it.
    pub(crate) fn has(&self, hash: u64) -> bool {
        self.by_hash.contains_key(&hash)
    }

    pub(crate) fn get(&mut self, asker: Asker) -> Option<&mut Fill> {
        match asker {
            Asker::Own(id) => match self.slots.get_mut(id.slot()).filter(|slot| slot.id == id)? {
                Slot { used: Use::Fill(fill), .. } => Some(fill),
                _ => None,
            },
            Asker::Lane(peer, tag) => self.led.get_mut(&(peer, tag)).map(|fill| &mut **fill),
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

    /// Begins a fill: one of our own has the stream that [`Fills::next_id`] has returned.
    pub(crate) fn begin(&mut self, asker: Asker, fill: Fill) {
        let (hash, source) = (fill.hash, fill.source);
        match asker {
            Asker::Own(_) => {
                let Some(slot) = self.free.pop().and_then(|at| self.slots.get_mut(at)) else { return };
                slot.used = Use::Fill(Box::new(fill));
            }
            Asker::Lane(peer, tag) => drop(self.led.insert((peer, tag), Box::new(fill))),
        }
        self.by_hash.insert(hash, asker);
        *self.by_source.entry(source).or_default() += 1;
    }

    /// Takes a fill out. What still comes of its response is unwanted.
    pub(crate) fn take(&mut self, asker: Asker) -> Option<Fill> {
        let fill = match asker {
            Asker::Own(id) => {
                let slot = self.slots.get_mut(id.slot()).filter(|slot| slot.id == id)?;
                match std::mem::replace(&mut slot.used, Use::Unwanted(0)) {
                    Use::Fill(fill) => fill,
                    other => {
                        slot.used = other;
                        return None;
                    }
                }
            }
            Asker::Lane(peer, tag) => self.led.remove(&(peer, tag))?,
        };
        self.by_hash.remove(&fill.hash);
        if let Some(count) = self.by_source.get_mut(&fill.source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&fill.source);
            }
        }
        self.bytes.sub(fill.source, fill.body.len());
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

    /// Returns the askers of fills for which `which` holds.
    pub(crate) fn askers(&self, which: impl Fn(&Fill) -> bool) -> Vec<Asker> {
        let is_one = |slot: &&Slot| matches!(&slot.used, Use::Fill(fill) if which(fill));
        let own = self.slots.iter().filter(is_one).map(|slot| Asker::Own(slot.id));
        let led = self.led.iter().filter(|(_, fill)| which(fill)).map(|((peer, tag), _)| Asker::Lane(*peer, *tag));
        own.chain(led).collect()
    }

    /// Forgets the requests of a lane that is gone that wait. The fills that it did not ask for go
    /// on; returns those that it did, and how many requests wait now.
    pub(crate) fn forget_peer(&mut self, peer: Key) -> (Vec<Asker>, usize) {
        let own = self
            .slots
            .iter_mut()
            .filter_map(|slot| if let Use::Fill(fill) = &mut slot.used { Some(fill) } else { None });
        let mut waiting = 0;
        for fill in own.chain(self.led.values_mut()) {
            fill.waiters.retain(|waiter| waiter.peer != peer);
            waiting += fill.waiters.len();
        }
        let led = self.led.keys().filter(|(of, _)| *of == peer).map(|(peer, tag)| Asker::Lane(*peer, *tag)).collect();
        (led, waiting)
    }
}
