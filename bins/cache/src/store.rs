//! What is kept: the records in the memory and on the disk, and by what else than their keys they
//! are found.

use std::collections::{HashMap, VecDeque};

use fosse_arena::{Record, Writer};
use fosse_caching::Stored;
use fosse_source::Source;
use fosse_wire::request::RequestHead;

use crate::{
    about::{self, head_of},
    entry::Entry,
    limits::{UNKEPT_COUNT_MAX, UNKEPT_MS},
    targets::Targets,
    variants::Variants,
    volume::{Counts, Volume},
};

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) writer: Writer,
    pub(crate) volume: Option<Volume>,
    /// Keys the numbers of targets, and of what else a response on the disk is about.
    keys: (u64, u64),
    entries: HashMap<u64, Entry>,
    /// The entries of a target, whatever else is in their keys.
    by_target: Targets,
    pub(crate) variants: Variants,
    /// Those that are to be written to the disk.
    unwritten: VecDeque<u64>,
    /// Keys whose responses are not kept, each until a time.
    unkept: HashMap<u64, u64>,
}

impl Store {
    /// Takes over a memory with what is in it, and a disk whose hashes have the same key.
    pub(crate) fn new(writer: Writer, volume: Option<Volume>) -> Self {
        let (a, b) = writer.key();
        let mut store = Self {
            writer,
            volume,
            keys: (a, !b),
            entries: HashMap::new(),
            by_target: Targets::default(),
            variants: Variants::default(),
            unwritten: VecDeque::new(),
            unkept: HashMap::new(),
        };
        let found: Vec<Record> = store.writer.records().filter(|record| store.writer.holds(*record)).collect();
        for record in found {
            let bytes = store.writer.bytes(record.place);
            match Stored::decode(&bytes) {
                Ok(stored) => {
                    store.enter(record, &stored);
                    store.add_variant(stored.key, Source::LOCAL, 0);
                }
                Err(_) => store.writer.remove(record),
            }
        }
        store.take_over_disk();
        store
    }

    /// Enters what is on the disk. What the memory has another response for is removed there.
    fn take_over_disk(&mut self) {
        let Some(volume) = &self.volume else { return };
        let slots: Vec<_> = volume.disk().slots().copied().collect();
        let mut removed = Vec::new();
        for slot in slots {
            let Some(entry) = self.entries.get(&slot.hash) else {
                let (of_application, of_client) = slot.about.targets;
                let targets = (of_application, Some(of_client).filter(|number| *number != 0));
                self.insert(slot.hash, Entry::new(None, Some(slot.number), targets));
                continue;
            };
            let of_memory = entry.record().map(|record| self.writer.bytes(record.place));
            let is_same = |volume: &Volume| of_memory.is_none_or(|bytes| volume.disk().has(&slot, &bytes));
            if self.volume.as_ref().is_some_and(is_same)
                && let Some(entry) = self.entries.get_mut(&slot.hash)
            {
                removed.extend(entry.replace_number(Some(slot.number)));
            } else {
                removed.push(slot.number);
            }
        }
        removed.into_iter().for_each(|number| self.remove_from_disk(number));
        let only_in_memory = self.entries.iter().filter(|(_, entry)| entry.number().is_none());
        self.unwritten = only_in_memory.map(|(hash, _)| *hash).collect();
    }

    /// Returns the number of responses that are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the number of those on the disk.
    pub(crate) fn on_disk(&self) -> usize {
        self.volume.as_ref().map_or(0, Volume::len)
    }

    pub(crate) fn take_disk_counts(&mut self) -> Counts {
        self.volume.as_mut().map(Volume::take_counts).unwrap_or_default()
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.writer.hash(key)
    }

    /// Returns the record of a key in the memory, with its place.
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<(u64, Vec<u8>)> {
        let record = self.entries.get(&hash)?.record()?;
        let bytes = self.writer.bytes(record.place);
        is_of(key, &bytes).then_some((record.place, bytes))
    }

    /// Reads the record of a key from the disk, with its number there.
    pub(crate) fn find_on_disk(&mut self, hash: u64, key: &[u8]) -> Option<(u64, Vec<u8>)> {
        let number = self.entries.get(&hash)?.number()?;
        let bytes = self.volume.as_mut()?.read(number);
        if bytes.is_none() && !self.volume.as_ref().is_some_and(|volume| volume.disk().holds(number)) {
            self.leave_disk(hash, number);
        }
        bytes.filter(|bytes| is_of(key, bytes)).map(|bytes| (number, bytes))
    }

    /// Puts a record of the disk into the memory too. Returns its place, and the number of others
    /// that are kept no more; `None` where it does not fit. One that would soon make room on the
    /// disk is written there again: who is asked for stays.
    pub(crate) fn promote(&mut self, hash: u64, bytes: &[u8]) -> (Option<u64>, usize) {
        let (record, gone) = self.put_record(hash, bytes);
        let Some(entry) = self.entries.get_mut(&hash) else { return (None, gone) };
        entry.set_record(record);
        if self.volume.as_ref().zip(entry.number()).is_some_and(|(volume, number)| volume.disk().is_old(number)) {
            self.unwritten.push_back(hash);
        }
        (record.map(|record| record.place), gone)
    }

    /// Keeps a response. Returns its place, and the number of others that are kept no more; `None`
    /// where it does not fit.
    pub(crate) fn put(&mut self, hash: u64, stored: &Stored<'_>) -> (Option<u64>, usize) {
        let mut bytes = Vec::with_capacity(stored.body.len() + stored.key.len() + 1024);
        if stored.encode(&mut bytes).is_err() {
            return (None, 0);
        }
        // Whoever takes the disk over must not find the one before.
        if let Some(number) = self.entries.get_mut(&hash).and_then(|entry| entry.replace_number(None)) {
            self.remove_from_disk(number);
        }
        let (record, gone) = self.put_record(hash, &bytes);
        let Some(record) = record else {
            self.leave_if_nowhere(hash);
            return (None, gone);
        };
        self.enter(record, stored);
        self.unkept.remove(&hash);
        if self.volume.is_some() {
            self.unwritten.push_back(hash);
        }
        (Some(record.place), gone)
    }

    /// Writes a record into the memory. Returns it, and the number of others that are kept no more.
    fn put_record(&mut self, hash: u64, bytes: &[u8]) -> (Option<Record>, usize) {
        let mut gone = Vec::new();
        let record = self.writer.put(hash, bytes, |record| gone.push(record));
        let before = self.entries.len();
        for old in gone {
            // A newer one with the same hash is not gone.
            let entry = self.entries.get_mut(&old.hash).filter(|entry| entry.record() == Some(old));
            if let Some(entry) = entry {
                entry.set_record(None);
                self.leave_if_nowhere(old.hash);
            }
        }
        (record, before - self.entries.len())
    }

    /// Returns whether something is to be written to the disk.
    pub(crate) fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Writes to the disk what is not there yet: some bytes more than `bytes_max` at most.
    pub(crate) fn write_to_disk(&mut self, bytes_max: usize) {
        let mut written = 0;
        while written < bytes_max
            && let Some(hash) = self.unwritten.pop_front()
        {
            let Some(entry) = self.entries.get(&hash) else { continue };
            let (Some(record), number_before) = (entry.record(), entry.number()) else { continue };
            let bytes = self.writer.bytes(record.place);
            written += bytes.len();
            let Ok(stored) = Stored::decode(&bytes) else { continue };
            let about = about::of(self.keys, &stored);
            let Some(volume) = &mut self.volume else { return };
            let mut gone = Vec::new();
            let number = volume.write(hash, about, &bytes, |slot| gone.push((slot.hash, slot.number)));
            let before = self.entries.len();
            gone.into_iter().for_each(|(hash, number)| self.leave_disk(hash, number));
            if let Some(volume) = &mut self.volume {
                volume.note_room(before - self.entries.len());
            }
            let Some(entry) = self.entries.get_mut(&hash).filter(|_| number.is_some()) else { continue };
            let replaced = entry.replace_number(number);
            if let Some(number) = replaced.filter(|_| replaced == number_before) {
                self.remove_from_disk(number);
            }
        }
        self.close_unsafe_disk();
    }

    /// Notes that the response of a key is not one to keep.
    pub(crate) fn note_unkept(&mut self, hash: u64, now_ms: u64) {
        if self.unkept.len() >= UNKEPT_COUNT_MAX {
            self.unkept.retain(|_, until_ms| *until_ms > now_ms);
        }
        if self.unkept.len() < UNKEPT_COUNT_MAX {
            self.unkept.insert(hash, now_ms + UNKEPT_MS);
        }
    }

    /// Returns whether the response of a key is known not to be one to keep.
    pub(crate) fn is_unkept(&self, hash: u64, now_ms: u64) -> bool {
        self.unkept.get(&hash).is_some_and(|until_ms| *until_ms > now_ms)
    }

    /// Forgets the response of a key, wherever it is.
    pub(crate) fn forget(&mut self, hash: u64) {
        let Some(entry) = self.entries.get(&hash) else { return };
        let (record, number) = (entry.record(), entry.number());
        record.into_iter().for_each(|record| self.writer.remove(record));
        number.into_iter().for_each(|number| self.remove_from_disk(number));
        self.leave(hash);
    }

    /// Forgets all responses for the target of a key. Returns how many there were.
    pub(crate) fn forget_target(&mut self, key: &[u8]) -> usize {
        let target = self.target_of(key);
        self.unkept.remove(&self.hash(key));
        let all = self.by_target.of(target);
        all.iter().for_each(|hash| self.forget(*hash));
        all.len()
    }

    /// Forgets which keys have responses that are not kept.
    pub(crate) fn forget_unkept(&mut self) {
        self.unkept.clear();
    }

    /// Returns the hashes of the responses of a target; `None` where they are more than
    /// `count_max`.
    pub(crate) fn hashes_of(&self, host: &[u8], target: &[u8], count_max: usize) -> Option<Vec<u64>> {
        let number = self.number_of(host, target);
        (self.by_target.count(number) <= count_max).then(|| self.by_target.of(number))
    }

    /// Returns where the response with a hash is: in the memory, and on the disk.
    pub(crate) fn places_of(&self, hash: u64) -> (Option<Record>, Option<u64>) {
        self.entries.get(&hash).map_or((None, None), |entry| (entry.record(), entry.number()))
    }

    /// Returns the number that stands for host and target of a key.
    pub(crate) fn target_of(&self, key: &[u8]) -> u64 {
        let RequestHead { host, target, .. } = head_of(key);
        self.number_of(host, target)
    }

    /// Returns what keys the numbers of hosts, targets and tags.
    pub(crate) const fn keys(&self) -> (u64, u64) {
        self.keys
    }

    fn number_of(&self, host: &[u8], target: &[u8]) -> u64 {
        about::target(self.keys, host, target)
    }

    /// Returns whether what was removed may be on the disk still.
    pub(crate) fn is_disk_unsafe(&self) -> bool {
        self.volume.as_ref().is_some_and(Volume::is_unsafe)
    }

    /// Stops using a disk on which something could not be removed: what is there is not believed
    /// any more.
    pub(crate) fn close_unsafe_disk(&mut self) {
        if !self.volume.as_ref().is_some_and(|volume| volume.is_unsafe() && !volume.is_closed()) {
            return;
        }
        let on_disk: Vec<_> = self.entries.iter().filter_map(|(hash, entry)| Some((*hash, entry.number()?))).collect();
        on_disk.into_iter().for_each(|(hash, number)| self.leave_disk(hash, number));
        self.volume.iter_mut().for_each(Volume::close);
    }

    fn remove_from_disk(&mut self, number: u64) {
        self.volume.iter_mut().for_each(|volume| volume.remove(number));
    }

    /// Notes that a response is not on the disk any more.
    fn leave_disk(&mut self, hash: u64, number: u64) {
        if let Some(entry) = self.entries.get_mut(&hash).filter(|entry| entry.number() == Some(number)) {
            entry.replace_number(None);
            self.leave_if_nowhere(hash);
        }
    }

    fn leave_if_nowhere(&mut self, hash: u64) {
        if self.places_of(hash) == (None, None) {
            self.leave(hash);
        }
    }

    fn enter(&mut self, record: Record, stored: &Stored<'_>) {
        let number = self.entries.get(&record.hash).and_then(Entry::number);
        self.take_out(record.hash);
        let targets = about::targets(self.keys, stored.key);
        self.insert(record.hash, Entry::new(Some(record), number, targets));
    }

    fn insert(&mut self, hash: u64, entry: Entry) {
        for target in entry.targets() {
            self.by_target.add(target, hash);
        }
        self.entries.insert(hash, entry);
    }

    /// Takes an entry out of all tables for good.
    fn leave(&mut self, hash: u64) {
        self.take_out(hash);
        self.variants.forget(hash);
    }

    fn take_out(&mut self, hash: u64) {
        let Some(entry) = self.entries.remove(&hash) else { return };
        for target in entry.targets() {
            self.by_target.remove(target, hash);
        }
    }
}

/// Returns whether a record is one of a key.
fn is_of(key: &[u8], bytes: &[u8]) -> bool {
    Stored::decode(bytes).is_ok_and(|stored| stored.key == key)
}

#[cfg(test)]
mod tests;
