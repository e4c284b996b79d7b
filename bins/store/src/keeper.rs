//! The records: found by their place, ended by their time, bounded by memory. No I/O, no clock.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use fosse_collections::{Change, Place, Record};

use crate::limits::{FIELD_OVERHEAD_BYTES, RECORD_OVERHEAD_BYTES, SWEEP_COUNT_MAX};

/// A record and what it is kept by.
#[derive(Debug)]
struct Kept {
    record: Record,
    ends: u64,
    serial: u64,
    bytes: usize,
}

/// What a save did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Changes that are beyond a limit.
    pub not_taken: u64,
    /// Records that had to go for it.
    pub evicted: u64,
}

/// All records.
#[derive(Debug)]
pub struct Keeper {
    records: HashMap<Rc<[u8]>, Kept>,
    /// The order in which they end; of those that end at the same time the one that was changed longest ago is first.
    ends: BTreeMap<(u64, u64), Rc<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    next_serial: u64,
}

impl Keeper {
    /// None yet, and at most so many bytes of them.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { records: HashMap::new(), ends: BTreeMap::new(), bytes: 0, bytes_max, next_serial: 0 }
    }

    /// The record at a place; `None` for one that is not kept or has ended.
    pub fn load(&mut self, place: &Place<'_>, now: u64) -> Option<&Record> {
        let kept = self.records.get_mut(name(place).as_slice()).filter(|kept| kept.ends > now)?;
        kept.record.prune(now);
        Some(&kept.record)
    }

    /// Makes changes to a record, which lives from now on for its own TIMEOUT or for `timeout` seconds.
    pub fn save(&mut self, place: &Place<'_>, changes: &[(&[u8], Change)], timeout: u32, now: u64) -> Saved {
        let name: Rc<[u8]> = name(place).into();
        let mut record = match self.take(&name) {
            Some(kept) if kept.ends > now => kept.record,
            _ => Record::default(),
        };
        let mut saved = Saved::default();
        for (field, change) in changes {
            saved.not_taken = saved.not_taken.saturating_add(u64::from(!record.apply(field, change, now)));
        }
        record.kept(now);
        let ends = now.saturating_add(record.timeout(timeout, now));
        if ends > now {
            self.put(name, record, ends);
            saved.evicted = self.evict();
        }
        saved
    }

    /// Drops records whose time is over, as many as one turn may; how many.
    pub fn sweep(&mut self, now: u64) -> usize {
        let mut dropped = 0;
        while dropped < SWEEP_COUNT_MAX {
            let Some((_, name)) = self.ends.first_key_value().filter(|((ends, _), _)| *ends <= now) else { break };
            let name = Rc::clone(name);
            self.take(&name);
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// There is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The memory they are counted with.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn put(&mut self, name: Rc<[u8]>, record: Record, ends: u64) {
        let fields = record.fields.len().saturating_mul(FIELD_OVERHEAD_BYTES);
        let bytes = [name.len(), record.bytes(), fields].into_iter().fold(RECORD_OVERHEAD_BYTES, usize::saturating_add);
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.ends.insert((ends, serial), Rc::clone(&name));
        self.records.insert(name, Kept { record, ends, serial, bytes });
    }

    fn take(&mut self, name: &[u8]) -> Option<Kept> {
        let kept = self.records.remove(name)?;
        self.ends.remove(&(kept.ends, kept.serial));
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        Some(kept)
    }

    /// Makes room: those that would end first go first.
    fn evict(&mut self) -> u64 {
        let mut evicted = 0u64;
        while self.bytes > self.bytes_max {
            let Some((_, name)) = self.ends.first_key_value() else { break };
            let name = Rc::clone(name);
            self.take(&name);
            evicted = evicted.saturating_add(1);
        }
        evicted
    }
}

/// A place as one name: the collection's number, the application with its length before it, the key.
fn name(place: &Place<'_>) -> Vec<u8> {
    let length = u8::try_from(place.application.len()).unwrap_or(u8::MAX);
    [&[place.collection as u8, length][..], place.application, place.key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_collections::Collection;

    /// Asserts what holds at any time.
    fn check(keeper: &Keeper) {
        assert_eq!(keeper.records.len(), keeper.ends.len());
        assert!(keeper.bytes <= keeper.bytes_max);
        assert_eq!(keeper.records.values().map(|kept| kept.bytes).sum::<usize>(), keeper.bytes);
    }

    const ENOUGH: usize = 1 << 20;

    fn of(key: &str) -> Place<'_> {
        Place::new(Collection::Ip, b"", key.as_bytes())
    }

    fn add(keeper: &mut Keeper, key: &str, timeout: u32, now: u64) -> Saved {
        let saved = keeper.save(&of(key), &[(b"hits", Change::Add(1))], timeout, now);
        check(keeper);
        saved
    }

    fn hits(keeper: &mut Keeper, key: &str, now: u64) -> Option<String> {
        let record = keeper.load(&of(key), now)?;
        record.get(b"hits", now).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn increments_of_many_add_up_and_a_look_keeps_nothing() {
        let mut keeper = Keeper::new(ENOUGH);
        assert!(hits(&mut keeper, "a", 1).is_none() && keeper.is_empty());
        for _ in 0..5 {
            add(&mut keeper, "a", 60, 1);
        }
        add(&mut keeper, "b", 60, 1);
        assert_eq!(
            (hits(&mut keeper, "a", 1).as_deref(), hits(&mut keeper, "b", 1).as_deref()),
            (Some("5"), Some("1"))
        );
        let record = keeper.load(&of("a"), 1).unwrap();
        assert_eq!((record.updates, record.created), (5, 1));
    }

    #[test]
    fn a_record_ends_its_time_after_the_last_change() {
        let mut keeper = Keeper::new(ENOUGH);
        add(&mut keeper, "a", 60, 100);
        add(&mut keeper, "a", 60, 150);
        assert_eq!(hits(&mut keeper, "a", 209).as_deref(), Some("2"));
        assert_eq!(hits(&mut keeper, "a", 210), None);
        assert_eq!((keeper.sweep(209), keeper.sweep(210), keeper.len()), (0, 1, 0));
        // One that has ended and is not swept yet begins anew.
        add(&mut keeper, "b", 60, 100);
        add(&mut keeper, "b", 60, 160);
        assert_eq!(hits(&mut keeper, "b", 160).as_deref(), Some("1"));
        // Rules may say how long it lives.
        keeper.save(&of("c"), &[(b"timeout", Change::Set(b"5".to_vec()))], 60, 100);
        assert!(keeper.load(&of("c"), 104).is_some() && keeper.load(&of("c"), 105).is_none());
        keeper.save(&of("d"), &[(b"timeout", Change::Set(b"0".to_vec()))], 60, 100);
        assert!(keeper.load(&of("d"), 100).is_none());
        check(&keeper);
    }

    #[test]
    fn a_variable_ends_before_its_record() {
        let mut keeper = Keeper::new(ENOUGH);
        let changes = [(&b"hits"[..], Change::Add(3)), (b"hits", Change::Expire(110)), (b"name", Change::Add(1))];
        keeper.save(&of("a"), &changes, 3600, 100);
        assert_eq!(hits(&mut keeper, "a", 109).as_deref(), Some("3"));
        assert_eq!(hits(&mut keeper, "a", 110), None);
        assert_eq!(keeper.load(&of("a"), 110).unwrap().fields.len(), 1);
    }

    #[test]
    fn collections_and_applications_are_kept_apart() {
        let mut keeper = Keeper::new(ENOUGH);
        let places = [
            Place::new(Collection::Session, b"a", b"bc"),
            Place::new(Collection::Session, b"ab", b"c"),
            Place::new(Collection::User, b"a", b"bc"),
            Place::new(Collection::Ip, b"a", b"bc"),
        ];
        for place in &places {
            keeper.save(place, &[(b"x", Change::Add(1))], 60, 1);
        }
        assert_eq!(keeper.len(), places.len());
        assert!(places.iter().all(|place| keeper.load(place, 1).is_some_and(|record| record.updates == 1)));
    }

    #[test]
    fn when_memory_is_used_up_those_that_would_end_first_go_first() {
        let room_for = 10;
        let one = RECORD_OVERHEAD_BYTES + FIELD_OVERHEAD_BYTES + "hits1".len() + 2 + "k0".len();
        let mut keeper = Keeper::new(room_for * one);
        assert_eq!(add(&mut keeper, "k0", 3600, 1).evicted, 0);
        for number in 1..room_for {
            assert_eq!(add(&mut keeper, &format!("k{number}"), 60, 1).evicted, 0, "{number}");
        }
        // Changed anew it ends later than the others.
        add(&mut keeper, "k1", 60, 2);
        assert_eq!(add(&mut keeper, "kA", 60, 2).evicted, 1);
        assert!(hits(&mut keeper, "k0", 2).is_some() && hits(&mut keeper, "k1", 2).is_some());
        assert!(hits(&mut keeper, "k2", 2).is_none() && hits(&mut keeper, "k3", 2).is_some());
        assert_eq!(keeper.len(), room_for);
    }

    #[test]
    fn a_sweep_is_bounded() {
        let mut keeper = Keeper::new(usize::MAX);
        for number in 0..=SWEEP_COUNT_MAX {
            keeper.save(&of(&number.to_string()), &[(b"x", Change::Add(1))], 1, 1);
        }
        assert_eq!((keeper.sweep(9), keeper.sweep(9), keeper.sweep(9)), (SWEEP_COUNT_MAX, 1, 0));
    }
}
