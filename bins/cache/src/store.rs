//! What is kept: the records in the memory, and by what else than their keys they are found.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use fosse_arena::{Record, Writer};
use fosse_caching::Stored;
use fosse_wire::request::RequestHead;

use crate::limits::{UNKEPT_COUNT_MAX, UNKEPT_MS};

/// Bytes of a key before the head of its request: the tag of its policy.
pub(crate) const KEY_TAG_BYTES: usize = 8;

/// A kept response.
#[derive(Debug)]
struct Entry {
    record: Record,
    target: u64,
}

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Store {
    writer: Writer,
    random: RandomState,
    entries: HashMap<u64, Entry>,
    /// The entries of a target, whatever else is in their keys.
    by_target: HashMap<u64, HashSet<u64>>,
    /// Keys whose responses are not kept, each until a time.
    unkept: HashMap<u64, u64>,
}

impl Store {
    /// Takes over a memory with what is in it.
    pub(crate) fn new(writer: Writer) -> Self {
        let mut store = Self {
            writer,
            random: RandomState::new(),
            entries: HashMap::new(),
            by_target: HashMap::new(),
            unkept: HashMap::new(),
        };
        let found: Vec<Record> = store.writer.records().filter(|record| store.writer.holds(*record)).collect();
        for record in found {
            let bytes = store.writer.bytes(record.place);
            match Stored::decode(&bytes) {
                Ok(stored) => store.enter(record, &stored),
                Err(_) => store.writer.remove(record),
            }
        }
        store
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.writer.hash(key)
    }

    /// Returns the record of a key, with its place.
    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<(u64, Vec<u8>)> {
        let record = self.entries.get(&hash)?.record;
        let bytes = self.writer.bytes(record.place);
        let is_it = Stored::decode(&bytes).is_ok_and(|stored| stored.key == key);
        is_it.then_some((record.place, bytes))
    }

    /// Keeps a response. Returns its place, and the number of others that made room; `None` where
    /// it does not fit.
    pub(crate) fn put(&mut self, hash: u64, stored: &Stored<'_>) -> (Option<u64>, usize) {
        let mut bytes = Vec::with_capacity(stored.body.len() + stored.key.len() + 1024);
        if stored.encode(&mut bytes).is_err() {
            return (None, 0);
        }
        let mut gone = Vec::new();
        let record = self.writer.put(hash, &bytes, |record| gone.push(record));
        let before = self.entries.len();
        for old in gone {
            // A newer one with the same hash is not gone.
            if self.entries.get(&old.hash).is_some_and(|entry| entry.record == old) {
                self.leave(old.hash);
            }
        }
        let made_room = before - self.entries.len();
        let Some(record) = record else { return (None, made_room) };
        self.enter(record, stored);
        self.unkept.remove(&hash);
        (Some(record.place), made_room)
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

    /// Forgets the response of a key.
    pub(crate) fn forget(&mut self, hash: u64) {
        if let Some(entry) = self.entries.get(&hash) {
            self.writer.remove(entry.record);
            self.leave(hash);
        }
    }

    /// Forgets all responses for the target of a key. Returns how many there were.
    pub(crate) fn forget_target(&mut self, key: &[u8]) -> usize {
        let target = self.target_of(key);
        self.unkept.remove(&self.hash(key));
        let all = self.by_target.get(&target).cloned().unwrap_or_default();
        all.iter().for_each(|hash| self.forget(*hash));
        all.len()
    }

    /// Returns the number that stands for host and target of a key.
    pub(crate) fn target_of(&self, key: &[u8]) -> u64 {
        let head = key.get(KEY_TAG_BYTES..).and_then(|head| RequestHead::decode(head).ok()).unwrap_or_default();
        self.random.hash_one((head.host, head.host_port, head.target))
    }

    fn enter(&mut self, record: Record, stored: &Stored<'_>) {
        self.leave(record.hash);
        let target = self.target_of(stored.key);
        self.by_target.entry(target).or_default().insert(record.hash);
        self.entries.insert(record.hash, Entry { record, target });
    }

    /// Takes an entry out of all tables.
    fn leave(&mut self, hash: u64) {
        let Some(entry) = self.entries.remove(&hash) else { return };
        take_out(&mut self.by_target, entry.target, hash);
    }
}

fn take_out(table: &mut HashMap<u64, HashSet<u64>>, of: u64, hash: u64) {
    if let Some(all) = table.get_mut(&of) {
        all.remove(&hash);
        if all.is_empty() {
            table.remove(&of);
        }
    }
}
