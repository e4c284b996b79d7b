//! The way of a purge through what is kept: the memory in the order of places, then the disk in
//! the order of numbers, a bounded part in a turn.

use fosse_arena::Record;
use fosse_caching::Stored;

use crate::{
    disk::Slot,
    limits::{PURGE_LOOK_BYTES, PURGE_TURN_READS_MAX, PURGE_TURN_SLOTS_MAX},
    purge::{At, Purge},
    store::Store,
};

impl Store {
    /// Returns the place in the memory, and the number on the disk, from which on responses will be
    /// kept: what is older is where it will stay.
    pub(crate) fn next(&mut self) -> (u64, u64) {
        self.write_to_disk(usize::MAX);
        (self.writer.next_place(), self.volume.as_ref().map_or(0, |volume| volume.disk().next_number()))
    }

    /// Goes on with a purge: looks at `responses_max` at most in the memory. Returns whether it is
    /// over.
    pub(crate) fn purge(&mut self, purge: &mut Purge, responses_max: usize) -> bool {
        let of_target = purge.target().and_then(|(host, target)| self.hashes_of(host, target, responses_max));
        if let Some(hashes) = of_target {
            hashes.into_iter().for_each(|hash| self.purge_one(purge, hash));
            self.finish_on_disk();
            return true;
        }
        if !purge.is_through_memory && !self.purge_memory(purge, responses_max) {
            return false;
        }
        purge.is_through_memory = true;
        self.purge_disk(purge)
    }

    fn purge_memory(&mut self, purge: &mut Purge, responses_max: usize) -> bool {
        let looked_at = self.records_between(purge.next.0, purge.before.0, responses_max);
        purge.next.0 = looked_at.last().map_or(purge.before.0, |record| record.place + 1);
        for record in &looked_at {
            if self.places_of(record.hash).0 == Some(*record) {
                self.purge_one(purge, record.hash);
            }
        }
        looked_at.len() < responses_max
    }

    /// Returns the first records from a place on, up to another place.
    fn records_between(&self, from: u64, before: u64, count_max: usize) -> Vec<Record> {
        self.writer.records_from(from).take_while(|record| record.place < before).take(count_max).collect()
    }

    /// Goes on with a purge on the disk. Returns whether it is over there.
    fn purge_disk(&mut self, purge: &mut Purge) -> bool {
        let Some(volume) = &self.volume else { return true };
        let sieve = purge.sieve(self.keys());
        let before = purge.before.1;
        let ahead = volume.disk().slots_from(purge.next.1).take_while(|slot| slot.number < before);
        let (mut numbers, mut last, mut reads) = (Vec::new(), None, 0);
        for slot in ahead.take(PURGE_TURN_SLOTS_MAX) {
            if reads >= PURGE_TURN_READS_MAX {
                break;
            }
            last = Some(slot.number);
            if slot.is_used() && sieve.may_be(&slot.about) {
                reads += usize::from(!sieve.is_enough);
                numbers.push(*slot);
            }
        }
        purge.next.1 = last.map_or(before, |number| number + 1);
        for slot in numbers {
            if sieve.is_enough {
                self.forget_slot(&slot);
                purge.responses += 1;
            } else if self.places_of(slot.hash).1 == Some(slot.number) {
                self.purge_one(purge, slot.hash);
            }
        }
        let is_over = last.is_none();
        if is_over {
            self.finish_on_disk();
        }
        is_over
    }

    fn forget_slot(&mut self, slot: &Slot) {
        if self.places_of(slot.hash).1 == Some(slot.number) {
            self.forget(slot.hash);
        } else if let Some(volume) = &mut self.volume {
            volume.remove(slot.number);
        }
    }

    /// Forgets a response if a purge is about it.
    fn purge_one(&mut self, purge: &mut Purge, hash: u64) {
        let meant = match self.places_of(hash) {
            (Some(record), _) => {
                let at = At::Memory(record.place);
                let first = meant(purge, at, &self.writer.first_bytes(record.place, PURGE_LOOK_BYTES));
                first.or_else(|| meant(purge, at, &self.writer.bytes(record.place)))
            }
            (None, Some(number)) => self.meant_on_disk(purge, number),
            (None, None) => return,
        };
        // One that cannot be read goes.
        let meant = meant.unwrap_or(Some(1));
        if let Some(responses) = meant {
            self.forget(hash);
            purge.responses += responses;
        }
    }

    /// As [`meant`], of a response on the disk.
    fn meant_on_disk(&self, purge: &Purge, number: u64) -> Option<Option<u64>> {
        let disk = self.volume.as_ref()?.disk();
        let first = disk.first_bytes(number, PURGE_LOOK_BYTES).ok();
        let at = At::Disk(number);
        let whole = || disk.read(number).ok().and_then(|bytes| meant(purge, at, &bytes));
        first.and_then(|bytes| meant(purge, at, &bytes)).or_else(whole)
    }

    /// Sees to it that what is gone from the disk does not come back.
    fn finish_on_disk(&mut self) {
        self.volume.iter_mut().for_each(crate::volume::Volume::sync);
        self.close_unsafe_disk();
    }
}

/// Returns the number of responses that go with a record that a purge is about, `Some(None)` where
/// it is not about it; `None` for what is no record, or not all of it.
fn meant(purge: &Purge, at: At, bytes: &[u8]) -> Option<Option<u64>> {
    let stored = Stored::decode(bytes).ok()?;
    Some(purge.has(at, &stored).then_some(u64::from(!stored.is_marker())))
}
