//! Records of persistent collections: opened by rules, asked for when a rule is about to look at
//! one, changed, and saved at the end.

use super::outcome::Outcome;
use crate::collection_set::CollectionSet;
use crate::settings::Settings;
use crate::store::{Change, Collection, Load, Record, RecordAddress, Store};

/// Changes to one persistent record in one transaction.
const CHANGES_MAX: usize = 1_000;

/// A persistent record in use.
#[derive(Debug)]
struct Opened {
    key: Vec<u8>,
    content: Content,
    changes: Vec<(Vec<u8>, Change)>,
}

/// The state of an open record.
#[derive(Debug)]
enum Content {
    /// No rule looked at it yet.
    Unasked,
    /// The store has been asked.
    Awaited,
    /// It is here, with the changes of this transaction.
    Here(Record),
}

/// The persistent records of a transaction, one of each collection at most.
#[derive(Debug, Default)]
pub(super) struct Persistent {
    opened: [Option<Opened>; 5],
}

impl Persistent {
    /// Opens a persistent record, once per transaction and collection. An empty key names no
    /// record: clients without a session must not share one with all others that have none.
    pub(super) fn open(&mut self, collection: Collection, key: Vec<u8>) {
        let slot = &mut self.opened[collection.index()];
        if slot.is_none() && !key.is_empty() {
            *slot = Some(Opened { key, content: Content::Unasked, changes: Vec::new() });
        }
    }

    /// Asks for the records in `wanted` that are open, if one of `read` is and was not asked for:
    /// one wait serves all. Returns [`Outcome::Wait`] while one of `read` is not here.
    pub(super) fn load(
        &mut self,
        read: CollectionSet,
        wanted: CollectionSet,
        (application, now): (&[u8], u64),
        store: &mut dyn Store,
    ) -> Option<Outcome> {
        if self.any(read, |content| matches!(content, Content::Unasked)) {
            for collection in wanted.iter() {
                let opened = self.opened[collection.index()].as_mut();
                let Some(opened) = opened.filter(|opened| matches!(opened.content, Content::Unasked)) else { continue };
                match store.load(RecordAddress::new(collection, application, &opened.key)) {
                    Load::Ready(record) => opened.fill(record, now),
                    Load::Later => opened.content = Content::Awaited,
                }
            }
        }
        self.any(read, |content| matches!(content, Content::Awaited)).then_some(Outcome::Wait)
    }

    /// Returns whether one of these records is open and not here yet.
    pub(super) fn is_missing(&self, collections: CollectionSet) -> bool {
        self.any(collections, |content| !matches!(content, Content::Here(_)))
    }

    fn any(&self, collections: CollectionSet, holds: impl Fn(&Content) -> bool) -> bool {
        let mut opened = collections.iter().filter_map(|one| self.opened[one.index()].as_ref());
        opened.any(|opened| holds(&opened.content))
    }

    /// Takes a record that a phase waits for; what rules changed meanwhile is applied to it.
    pub(super) fn provide(&mut self, collection: Collection, record: Record, now: u64) {
        let opened = self.opened[collection.index()].as_mut();
        if let Some(opened) = opened.filter(|opened| matches!(opened.content, Content::Awaited)) {
            opened.fill(record, now);
        }
    }

    /// Changes a field of an open record.
    pub(super) fn change(&mut self, collection: Collection, name: Vec<u8>, change: Change, now: u64) {
        let Some(opened) = self.opened[collection.index()].as_mut() else { return };
        // Beyond, changes are dropped: a rule that counts each argument must not fill memory.
        if opened.changes.len() < CHANGES_MAX {
            if let Content::Here(record) = &mut opened.content {
                record.apply(&name, &change, now);
            }
            opened.changes.push((name, change));
        }
    }

    /// Gives all changes to the store.
    pub(super) fn save(&mut self, settings: &Settings, store: &mut dyn Store) {
        for (collection, opened) in Collection::ALL.into_iter().zip(&mut self.opened) {
            if let Some(opened) = opened.as_mut().filter(|opened| !opened.changes.is_empty()) {
                let place = RecordAddress::new(collection, settings.web_app_id.as_bytes(), &opened.key);
                store.save(place, &opened.changes, settings.collection_timeout_seconds);
                opened.changes.clear();
            }
        }
    }

    /// Returns the records that are asked for and not here.
    pub(super) fn awaited<'p>(&'p self, application: &'p [u8]) -> impl Iterator<Item = RecordAddress<'p>> {
        Collection::ALL.into_iter().zip(&self.opened).filter_map(move |(collection, opened)| {
            let awaited = opened.as_ref().filter(|opened| matches!(opened.content, Content::Awaited));
            awaited.map(|opened| RecordAddress::new(collection, application, &opened.key))
        })
    }

    /// Returns what rules see of an open record.
    pub(super) fn fields(&self, collection: Collection, settings: &Settings, now: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        match &self.opened[collection.index()] {
            Some(Opened { key, content: Content::Here(record), .. }) => {
                record.shown(key, settings.collection_timeout_seconds, now)
            }
            _ => Vec::new(),
        }
    }

    /// Returns the key of an open record.
    pub(super) fn key(&self, collection: Collection) -> Option<Vec<u8>> {
        self.opened[collection.index()].as_ref().map(|opened| opened.key.clone())
    }
}

impl Opened {
    fn fill(&mut self, mut record: Record, now: u64) {
        for (name, change) in &self.changes {
            record.apply(name, change, now);
        }
        self.content = Content::Here(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says of every record that it comes later.
    struct Slow(usize);

    impl Store for Slow {
        fn load(&mut self, _place: RecordAddress<'_>) -> Load {
            self.0 += 1;
            Load::Later
        }

        fn save(&mut self, _place: RecordAddress<'_>, _changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {}
    }

    fn set(collections: &[Collection]) -> CollectionSet {
        let mut all = CollectionSet::default();
        collections.iter().for_each(|one| all.insert(*one));
        all
    }

    #[test]
    fn one_wait_serves_all_records_that_rules_read() {
        let (ip, session) = (set(&[Collection::Ip]), set(&[Collection::Ip, Collection::Session]));
        let (mut persistent, mut store) = (Persistent::default(), Slow(0));
        persistent.open(Collection::Ip, b"192.0.2.7".to_vec());
        persistent.open(Collection::Session, b"s".to_vec());
        assert_eq!(persistent.load(ip, session, (b"", 0), &mut store), Some(Outcome::Wait));
        assert_eq!((store.0, persistent.awaited(b"").count()), (2, 2));
        persistent.provide(Collection::Ip, Record::default(), 0);
        assert_eq!(persistent.load(ip, session, (b"", 0), &mut store), None);
        assert_eq!(store.0, 2);
    }

    #[test]
    fn an_empty_key_opens_nothing() {
        let mut persistent = Persistent::default();
        persistent.open(Collection::Session, Vec::new());
        assert_eq!(persistent.key(Collection::Session), None);
        assert!(!persistent.is_missing(set(&[Collection::Session])));
    }
}
