//! The table of requests under way.

use fosse_wire::StreamId;

use super::stream::Stream;
use crate::limits::{MIRROR_SLOT_FIRST, SPARE_BUFFER_BYTES_MAX, SPARE_BUFFERS_MAX};

/// Slots of requests; those beyond are of copies.
const STREAMS_MAX: usize = MIRROR_SLOT_FIRST as usize;

/// All streams of the lane, by slot.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    slots: Vec<Option<Box<Stream>>>,
    live: usize,
    /// The last stream of each slot, where its response went to encode, which may still have it.
    ended_encoded: Vec<Option<StreamId>>,
    /// Ended streams, each with the memory of its output, for the next ones.
    #[expect(clippy::vec_box, reason = "they go into the slots as they are")]
    spare: Vec<Box<Stream>>,
}

impl Streams {
    /// Returns the stream of that id, if it is live.
    #[inline]
    pub(crate) fn get(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.slots.get_mut(id.slot())?.as_deref_mut().filter(|s| s.id == id)
    }

    /// Puts a new stream into its slot; `None` where another lives there, or no request may.
    pub(crate) fn insert(&mut self, stream: Stream) -> Option<&mut Stream> {
        let slot = stream.id.slot();
        if slot >= STREAMS_MAX {
            return None;
        }
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        let place = &mut self.slots[slot];
        if place.is_some() {
            return None;
        }
        self.live += 1;
        Some(place.insert(match self.spare.pop() {
            Some(mut used) => {
                let out = std::mem::take(&mut used.out);
                *used = Stream { out, ..stream };
                used
            }
            None => Box::new(stream),
        }))
    }

    /// Forgets a stream. Returns what it added to the lane's held and buffered bytes, where it
    /// lived.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<(u32, u64)> {
        let place = self.slots.get_mut(id.slot())?;
        let mut stream = place.take_if(|s| s.id == id)?;
        self.live -= 1;
        if stream.is_encoded && self.ended_encoded.len() <= id.slot() {
            self.ended_encoded.resize(id.slot() + 1, None);
        }
        if let Some(last) = self.ended_encoded.get_mut(id.slot()) {
            *last = stream.is_encoded.then_some(id);
        }
        let counted = (stream.held_counted, stream.buffered);
        if self.spare.len() < SPARE_BUFFERS_MAX && stream.out.capacity() <= SPARE_BUFFER_BYTES_MAX {
            stream.out.clear();
            self.spare.push(stream);
        }
        Some(counted)
    }

    /// Returns the streams whose responses encode may have: those that live, and those that have
    /// ended and whose slots nobody has used since. These are forgotten.
    pub(crate) fn take_encoded(&mut self) -> (Vec<StreamId>, Vec<StreamId>) {
        let live = self.iter().filter(|stream| stream.is_encoded).map(|stream| stream.id).collect();
        let ended = std::mem::take(&mut self.ended_encoded);
        let is_free = |id: &StreamId| self.slots.get(id.slot()).is_none_or(Option::is_none);
        (live, ended.into_iter().flatten().filter(is_free).collect())
    }

    /// Returns the number of live streams.
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    /// Returns whether there is no live stream.
    pub(crate) const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Returns all of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Stream> + Clone {
        self.slots.iter().flatten().map(|stream| &**stream)
    }

    /// Returns all of them, that of `slot` first and those below it last.
    pub(crate) fn beginning_at(&self, slot: usize) -> impl Iterator<Item = &Stream> {
        let (before, after) = self.slots.split_at(slot.min(self.slots.len()));
        after.iter().chain(before).flatten().map(|stream| &**stream)
    }

    /// Returns the stream that has a slot now.
    pub(crate) fn of_slot(&mut self, slot: u32) -> Option<&mut Stream> {
        self.slots.get_mut(usize::try_from(slot).ok()?)?.as_deref_mut()
    }

    /// Returns the end of the limit that the stream of a slot has now, in milliseconds.
    pub(crate) fn limited_until_ms(&self, slot: u32) -> Option<u64> {
        let stream = self.slots.get(usize::try_from(slot).ok()?)?.as_ref()?;
        stream.timer.at_ms().filter(|_| !stream.response_ended)
    }
}
