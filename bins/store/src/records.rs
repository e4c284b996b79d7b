//! The records: found by their place, ended by their time, bounded by memory. No I/O, no clock.

use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use fosse_collections::{Change, Record, RecordAddress};

use crate::limits::{FIELD_OVERHEAD_BYTES, RECORD_OVERHEAD_BYTES, SWEEP_COUNT_MAX};

/// A record with its end, its size and its rank among those that end at the same time.
#[derive(Debug)]
struct Entry {
    record: Record,
    ends: u64,
    serial: u64,
    bytes: usize,
}

/// The effects of a save.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Changes that were refused, being beyond a limit.
    pub not_taken: u64,
    /// Records that had to go for it.
    pub evicted: u64,
}

/// All records.
#[derive(Debug)]
pub struct Records {
    by_name: HashMap<Rc<[u8]>, Entry>,
    /// The order in which they end. Of those that end at the same time the one that was changed
    /// longest ago is first.
    ends: BTreeMap<(u64, u64), Rc<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    next_serial: u64,
}

impl Records {
    /// Makes room for records of at most `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { by_name: HashMap::new(), ends: BTreeMap::new(), bytes: 0, bytes_max, next_serial: 0 }
    }

    /// Returns the record at a place; `None` where there is none or it has ended.
    pub fn load(&mut self, place: &RecordAddress<'_>, now: u64) -> Option<&Record> {
        let entry = self.by_name.get_mut(name(place).as_slice()).filter(|entry| entry.ends > now)?;
        entry.record.prune(now);
        Some(&entry.record)
    }

    /// Makes changes to a record, which lives from now on for its own TIMEOUT or for `timeout`
    /// seconds.
    pub fn save(&mut self, place: &RecordAddress<'_>, changes: &[(&[u8], Change)], timeout: u32, now: u64) -> Saved {
        let name: Rc<[u8]> = name(place).into();
        let mut record = match self.take(&name) {
            Some(entry) if entry.ends > now => entry.record,
            _ => Record::default(),
        };
        let mut saved = Saved::default();
        for (field, change) in changes {
            saved.not_taken += u64::from(!record.apply(field, change, now));
        }
        record.kept(now);
        let ends = now.saturating_add(record.timeout(timeout, now));
        if ends > now {
            self.put(name, record, ends);
            saved.evicted = self.evict();
        }
        saved
    }

    /// Drops expired records, at most [`SWEEP_COUNT_MAX`]; returns their number.
    pub fn sweep(&mut self, now: u64) -> usize {
        let mut dropped = 0;
        while dropped < SWEEP_COUNT_MAX {
            let Some((_, name)) = self.ends.first_key_value().filter(|((ends, _), _)| *ends <= now) else { break };
            let name = Rc::clone(name);
            self.take(&name);
            dropped += 1;
        }
        dropped
    }

    /// Returns the number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns the memory they are counted with, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn put(&mut self, name: Rc<[u8]>, record: Record, ends: u64) {
        let fields = record.fields.len() * FIELD_OVERHEAD_BYTES;
        let bytes = RECORD_OVERHEAD_BYTES + name.len() + record.bytes() + fields;
        let serial = self.next_serial;
        // It orders those of one second alone: a wrap after 2^64 saves misplaces nothing that
        // lives.
        self.next_serial = serial.wrapping_add(1);
        self.bytes += bytes;
        self.ends.insert((ends, serial), Rc::clone(&name));
        self.by_name.insert(name, Entry { record, ends, serial, bytes });
    }

    fn take(&mut self, name: &[u8]) -> Option<Entry> {
        let entry = self.by_name.remove(name)?;
        self.ends.remove(&(entry.ends, entry.serial));
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Evicts the records that would end first, until the rest fits; returns their number.
    fn evict(&mut self) -> u64 {
        let mut evicted = 0u64;
        while self.bytes > self.bytes_max {
            let Some((_, name)) = self.ends.first_key_value() else { break };
            let name = Rc::clone(name);
            self.take(&name);
            evicted += 1;
        }
        evicted
    }
}

/// Returns a place as one name: the collection's number, the application with its length before it,
/// the key.
fn name(place: &RecordAddress<'_>) -> Vec<u8> {
    let length = u8::try_from(place.application.len()).unwrap_or(u8::MAX);
    [&[place.collection as u8, length][..], place.application, place.key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_collections::Collection;

    /// Asserts what holds at any time.
    fn check(records: &Records) {
        assert_eq!(records.by_name.len(), records.ends.len());
        assert!(records.bytes <= records.bytes_max);
        assert_eq!(records.by_name.values().map(|entry| entry.bytes).sum::<usize>(), records.bytes);
    }

    const ENOUGH: usize = 1 << 20;

    fn of(key: &str) -> RecordAddress<'_> {
        RecordAddress::new(Collection::Ip, b"", key.as_bytes())
    }

    fn add(records: &mut Records, key: &str, timeout: u32, now: u64) -> Saved {
        let saved = records.save(&of(key), &[(b"hits", Change::Add(1))], timeout, now);
        check(records);
        saved
    }

    fn hits(records: &mut Records, key: &str, now: u64) -> Option<String> {
        let record = records.load(&of(key), now)?;
        record.get(b"hits", now).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn increments_of_many_add_up_and_a_look_keeps_nothing() {
        let mut records = Records::new(ENOUGH);
        assert!(hits(&mut records, "a", 1).is_none() && records.is_empty());
        for _ in 0..5 {
            add(&mut records, "a", 60, 1);
        }
        add(&mut records, "b", 60, 1);
        assert_eq!(
            (hits(&mut records, "a", 1).as_deref(), hits(&mut records, "b", 1).as_deref()),
            (Some("5"), Some("1"))
        );
        let record = records.load(&of("a"), 1).unwrap();
        assert_eq!((record.updates, record.created), (5, 1));
    }

    #[test]
    fn a_record_ends_its_time_after_the_last_change() {
        let mut records = Records::new(ENOUGH);
        add(&mut records, "a", 60, 100);
        add(&mut records, "a", 60, 150);
        assert_eq!(hits(&mut records, "a", 209).as_deref(), Some("2"));
        assert_eq!(hits(&mut records, "a", 210), None);
        assert_eq!((records.sweep(209), records.sweep(210), records.len()), (0, 1, 0));
        // One that has ended and is not swept yet begins again.
        add(&mut records, "b", 60, 100);
        add(&mut records, "b", 60, 160);
        assert_eq!(hits(&mut records, "b", 160).as_deref(), Some("1"));
        // Rules may say how long it lives.
        records.save(&of("c"), &[(b"timeout", Change::Set(b"5".to_vec()))], 60, 100);
        assert!(records.load(&of("c"), 104).is_some() && records.load(&of("c"), 105).is_none());
        records.save(&of("d"), &[(b"timeout", Change::Set(b"0".to_vec()))], 60, 100);
        assert!(records.load(&of("d"), 100).is_none());
        check(&records);
    }

    #[test]
    fn a_variable_ends_before_its_record() {
        let mut records = Records::new(ENOUGH);
        let changes = [(&b"hits"[..], Change::Add(3)), (b"hits", Change::Expire(110)), (b"name", Change::Add(1))];
        records.save(&of("a"), &changes, 3600, 100);
        assert_eq!(hits(&mut records, "a", 109).as_deref(), Some("3"));
        assert_eq!(hits(&mut records, "a", 110), None);
        assert_eq!(records.load(&of("a"), 110).unwrap().fields.len(), 1);
    }

    #[test]
    fn collections_and_applications_are_kept_apart() {
        let mut records = Records::new(ENOUGH);
        let places = [
            RecordAddress::new(Collection::Session, b"a", b"bc"),
            RecordAddress::new(Collection::Session, b"ab", b"c"),
            RecordAddress::new(Collection::User, b"a", b"bc"),
            RecordAddress::new(Collection::Ip, b"a", b"bc"),
        ];
        for place in &places {
            records.save(place, &[(b"x", Change::Add(1))], 60, 1);
        }
        assert_eq!(records.len(), places.len());
        assert!(places.iter().all(|place| records.load(place, 1).is_some_and(|record| record.updates == 1)));
    }

    #[test]
    fn when_memory_is_used_up_those_that_would_end_first_go_first() {
        let room_for = 10;
        let one = RECORD_OVERHEAD_BYTES + FIELD_OVERHEAD_BYTES + "hits1".len() + 2 + "k0".len();
        let mut records = Records::new(room_for * one);
        assert_eq!(add(&mut records, "k0", 3600, 1).evicted, 0);
        for number in 1..room_for {
            assert_eq!(add(&mut records, &format!("k{number}"), 60, 1).evicted, 0, "{number}");
        }
        // Changed again it ends later than the others.
        add(&mut records, "k1", 60, 2);
        assert_eq!(add(&mut records, "kA", 60, 2).evicted, 1);
        assert!(hits(&mut records, "k0", 2).is_some() && hits(&mut records, "k1", 2).is_some());
        assert!(hits(&mut records, "k2", 2).is_none() && hits(&mut records, "k3", 2).is_some());
        assert_eq!(records.len(), room_for);
    }

    #[test]
    fn a_sweep_is_bounded() {
        let mut records = Records::new(usize::MAX);
        for number in 0..=SWEEP_COUNT_MAX {
            records.save(&of(&number.to_string()), &[(b"x", Change::Add(1))], 1, 1);
        }
        assert_eq!((records.sweep(9), records.sweep(9), records.sweep(9)), (SWEEP_COUNT_MAX, 1, 0));
    }
}
