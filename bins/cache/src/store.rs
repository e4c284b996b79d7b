//! What is kept: the records in the memory, and by what else than their keys they are found.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::iter;

use fosse_arena::{Record, Writer};
use fosse_caching::Stored;
use fosse_wire::request::RequestHead;

use crate::{
    key::head_of,
    limits::{PURGE_LOOK_BYTES, UNKEPT_COUNT_MAX, UNKEPT_MS},
    purge::Purge,
};

/// A kept response.
#[derive(Debug)]
struct Entry {
    record: Record,
    /// Those of the application's target, and of the client's where that is another one.
    targets: (u64, Option<u64>),
}

impl Entry {
    fn targets(&self) -> impl Iterator<Item = u64> + use<> {
        let (of_application, of_client) = self.targets;
        iter::once(of_application).chain(of_client)
    }
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

    /// Returns the place from which on responses will be kept.
    pub(crate) const fn next_place(&self) -> u64 {
        self.writer.next_place()
    }

    /// Forgets which keys have responses that are not kept.
    pub(crate) fn forget_unkept(&mut self) {
        self.unkept.clear();
    }

    /// Goes on with a purge: looks at `responses_max` at most. Returns whether it is over.
    pub(crate) fn purge(&mut self, purge: &mut Purge, responses_max: usize) -> bool {
        let of_target = purge.target().and_then(|(host, target)| self.records_of(host, target, responses_max));
        let is_over = of_target.is_some();
        let looked_at = of_target.unwrap_or_else(|| self.records_between(purge.next, purge.before, responses_max));
        purge.next = looked_at.last().map_or(purge.before, |record| record.place + 1);
        for record in &looked_at {
            if self.is_one_to_purge(purge, *record) {
                self.forget(record.hash);
                purge.responses += 1;
            }
        }
        is_over || looked_at.len() < responses_max
    }

    /// Returns the records of a target; `None` where they are more than `count_max`.
    fn records_of(&self, host: &[u8], target: &[u8], count_max: usize) -> Option<Vec<Record>> {
        let Some(all) = self.by_target.get(&self.number_of(host, target)) else { return Some(Vec::new()) };
        let records = || all.iter().filter_map(|hash| self.entries.get(hash)).map(|entry| entry.record).collect();
        (all.len() <= count_max).then(records)
    }

    fn is_one_to_purge(&self, purge: &Purge, record: Record) -> bool {
        let is_kept = self.entries.get(&record.hash).is_some_and(|entry| entry.record == record);
        let has = |bytes: &[u8]| Stored::decode(bytes).map(|stored| purge.has(record.place, &stored));
        is_kept
            && has(&self.writer.first_bytes(record.place, PURGE_LOOK_BYTES))
                .or_else(|_| has(&self.writer.bytes(record.place)))
                .unwrap_or(true)
    }

    /// Returns the first records from a place on, up to another place.
    fn records_between(&self, from: u64, before: u64, count_max: usize) -> Vec<Record> {
        self.writer.records_from(from).take_while(|record| record.place < before).take(count_max).collect()
    }

    /// Returns the number that stands for host and target of a key.
    pub(crate) fn target_of(&self, key: &[u8]) -> u64 {
        let RequestHead { host, target, .. } = head_of(key);
        self.number_of(host, target)
    }

    fn number_of(&self, host: &[u8], target: &[u8]) -> u64 {
        self.random.hash_one((host, target))
    }

    fn enter(&mut self, record: Record, stored: &Stored<'_>) {
        self.leave(record.hash);
        let head = head_of(stored.key);
        let number = |target| self.number_of(head.host, target);
        let received = Some(head.received).filter(|received| !received.is_empty()).map(number);
        let entry = Entry { record, targets: (number(head.target), received) };
        for target in entry.targets() {
            self.by_target.entry(target).or_default().insert(record.hash);
        }
        self.entries.insert(record.hash, entry);
    }

    /// Takes an entry out of all tables.
    fn leave(&mut self, hash: u64) {
        let Some(entry) = self.entries.remove(&hash) else { return };
        for target in entry.targets() {
            take_out(&mut self.by_target, target, hash);
        }
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

#[cfg(test)]
mod tests {
    use fosse_eventloop::slab::Key;
    use fosse_sys::page::Page;
    use fosse_wire::purge::{By, Purge as Asked};

    use super::*;
    use crate::{fill::Waiter, key::KEY_TAG_BYTES};

    /// A store with `count` responses, of which every third is of another host.
    fn store(count: usize) -> Store {
        let bytes = u64::try_from(count).unwrap() * 1100 + (16 << 20);
        let memory = fosse_sys::memfd::page("memory", bytes).unwrap();
        let page = Page::map_of(&memory, usize::try_from(bytes).unwrap()).unwrap();
        let mut store = Store::new(Writer::open(page, (1, 2)));
        for n in 0..count {
            let mut key = vec![0; KEY_TAG_BYTES];
            let (host, target) = (if n % 3 == 0 { "b" } else { "a" }, format!("/{n}"));
            let head = RequestHead {
                method: b"GET",
                host: host.as_bytes(),
                target: target.as_bytes(),
                ..RequestHead::default()
            };
            head.encode(&mut key).unwrap();
            let hash = store.hash(&key);
            assert!(store.put(hash, &Stored { key: &key, body: b"body", ..Stored::default() }).0.is_some());
        }
        store
    }

    fn purge(store: &Store, by: By, host: &str, text: &str) -> Purge {
        let waiter = Waiter { peer: Key::of_token(0).1, tag: 1, way: fosse_wire::cache::Way::None };
        Purge::new(&Asked { by, host: host.as_bytes(), port: 0, text: text.as_bytes() }, waiter, store.next_place())
    }

    #[test]
    fn a_purge_looks_at_so_many_responses_a_turn_and_no_more() {
        for (by, host, text, kept, turns) in [
            (By::All, "", "", 0, 10),
            (By::All, "a", "", 334, 10),
            (By::Tag, "", "none", 1000, 10),
            (By::Prefix, "a", "/99", 994, 10),
            (By::Target, "a", "/7", 999, 0),
            (By::Target, "a", "/6", 1000, 0),
        ] {
            let mut store = store(1000);
            let mut purge = purge(&store, by, host, text);
            let mut seen = 0;
            while !store.purge(&mut purge, 100) {
                seen += 1;
                assert!(purge.responses <= seen * 100);
            }
            assert_eq!((store.len(), seen), (kept, turns), "{by:?} {host} {text}");
            assert_eq!(usize::try_from(purge.responses).unwrap(), 1000 - kept);
        }
    }

    #[test]
    #[ignore = "a measurement"]
    fn how_long_a_turn_of_a_purge_of_a_million_takes() {
        use crate::limits::PURGE_TURN_RESPONSES_MAX;
        for (by, host, text) in [(By::Tag, "", "none"), (By::Prefix, "a", "/9"), (By::All, "", "")] {
            let mut store = store(1_000_000);
            let mut purge = purge(&store, by, host, text);
            let (begun, mut longest) = (std::time::Instant::now(), std::time::Duration::ZERO);
            loop {
                let turn = std::time::Instant::now();
                let is_over = store.purge(&mut purge, PURGE_TURN_RESPONSES_MAX);
                longest = longest.max(turn.elapsed());
                if is_over {
                    break;
                }
            }
            println!("{by:?}: {} gone in {:?}, longest turn {longest:?}", purge.responses, begun.elapsed());
        }
    }

    #[test]
    fn a_target_with_very_many_keys_is_purged_by_parts_too() {
        let mut store = store(1);
        for n in 0..1000_u32 {
            let mut key = vec![0; KEY_TAG_BYTES];
            let mut fields = Vec::new();
            fosse_wire::fields::put(&mut fields, [(&b"X-Own"[..], &n.to_le_bytes().map(|byte| byte | 64)[..])])
                .unwrap();
            let fields = fosse_wire::fields::Fields::decode(&mut fosse_wire::cursor::Cursor::new(&fields)).unwrap();
            RequestHead { method: b"GET", host: b"a", target: b"/x", host_port: 80, fields, ..RequestHead::default() }
                .encode(&mut key)
                .unwrap();
            key[..4].copy_from_slice(&n.to_le_bytes());
            let hash = store.hash(&key);
            store.put(hash, &Stored { key: &key, ..Stored::default() });
        }
        let mut purge = purge(&store, By::Target, "a", "/x");
        let mut turns = 0;
        while !store.purge(&mut purge, 100) {
            turns += 1;
        }
        assert_eq!((store.len(), purge.responses), (1, 1000));
        assert!((9..=10).contains(&turns), "{turns}");
    }
}
