//! Records of persistent collections: opened by rules, asked for when a rule is about to look at one, changed, and saved
//! at the end.

use super::{Content, Opened, Outcome, Transaction};
use crate::macros::Template;
use crate::store::{Change, Collection, Collections, Load, Place, Record, Store};

/// Changes to one persistent record in one transaction.
const CHANGES_MAX: usize = 1_000;

impl Transaction<'_> {
    /// Opens a persistent record, once per transaction and collection. An empty key is nobody's: whoever has no session must
    /// not share one with all others who have none.
    pub(super) fn open(&mut self, collection: Collection, key: Vec<u8>) {
        let place = self.opened.get_mut(collection.index()).filter(|place| place.is_none());
        if let Some(place) = place.filter(|_| !key.is_empty()) {
            *place = Some(Opened { key, content: Content::Unasked, changes: Vec::new() });
        }
    }

    /// Whether the rule at this place has to wait, because it or a later link of its chain looks at a record that is not here
    /// yet.
    pub(super) fn awaits(&mut self, at: usize, store: &mut dyn Store) -> Option<Outcome> {
        let rule = self.rules.phase(self.phase)?.rules.get(at)?;
        if rule.reads.is_empty() || self.missing(rule.reads) == (false, false) {
            return None;
        }
        if rule.quick.is_some_and(|quick| !quick.holds(|slot| self.values.tx_slot_number(self.rules, slot))) {
            return None;
        }
        if self.missing(rule.reads).0 {
            self.ask(store);
        }
        self.missing(rule.reads).1.then_some(Outcome::Wait)
    }

    /// Whether any of these records is open and was not asked for, and whether any is awaited.
    fn missing(&self, collections: Collections) -> (bool, bool) {
        let opened = || collections.iter().filter_map(|one| self.opened.get(one.index()).and_then(Option::as_ref));
        (
            opened().any(|opened| matches!(opened.content, Content::Unasked)),
            opened().any(|opened| matches!(opened.content, Content::Awaited)),
        )
    }

    /// Asks for every open record that any rule looks at, so that one wait serves all.
    fn ask(&mut self, store: &mut dyn Store) {
        let (application, now) = (self.rules.settings.web_app_id.as_bytes(), self.now.seconds);
        for collection in self.rules.reads.iter() {
            let opened = self.opened.get_mut(collection.index()).and_then(Option::as_mut);
            let Some(opened) = opened.filter(|opened| matches!(opened.content, Content::Unasked)) else { continue };
            match store.load(Place::new(collection, application, &opened.key)) {
                Load::Ready(record) => opened.fill(record, now),
                Load::Later => opened.content = Content::Awaited,
            }
        }
    }

    /// Gives a record that a phase waits for; what rules changed meanwhile is applied to it.
    pub fn provide(&mut self, collection: Collection, record: Record) {
        let now = self.now.seconds;
        let opened = self.opened.get_mut(collection.index()).and_then(Option::as_mut);
        if let Some(opened) = opened.filter(|opened| matches!(opened.content, Content::Awaited)) {
            opened.fill(record, now);
        }
    }

    pub(super) fn change(&mut self, collection: Collection, template: &Template, change: Change) {
        let name = self.expanded(template).to_ascii_lowercase();
        let now = self.now.seconds;
        let Some(opened) = self.opened.get_mut(collection.index()).and_then(Option::as_mut) else { return };
        if opened.changes.len() < CHANGES_MAX {
            if let Content::Here(record) = &mut opened.content {
                record.apply(&name, &change, now);
            }
            opened.changes.push((name, change));
        }
    }

    pub(super) fn save(&mut self, store: &mut dyn Store) {
        let settings = &self.rules.settings;
        for (collection, opened) in Collection::ALL.into_iter().zip(&mut self.opened) {
            if let Some(opened) = opened.as_mut().filter(|opened| !opened.changes.is_empty()) {
                let place = Place::new(collection, settings.web_app_id.as_bytes(), &opened.key);
                store.save(place, &opened.changes, settings.collection_timeout_seconds);
                opened.changes.clear();
            }
        }
    }

    /// What rules see of an open record.
    pub(super) fn record_fields(&self, collection: Collection) -> Vec<(Vec<u8>, Vec<u8>)> {
        let opened = self.opened.get(collection.index()).and_then(Option::as_ref);
        let Some(Opened { key, content: Content::Here(record), .. }) = opened else { return Vec::new() };
        record.shown(key, self.rules.settings.collection_timeout_seconds, self.now.seconds)
    }

    /// The key of an open record.
    pub(super) fn opened_key(&self, collection: Collection) -> Option<Vec<u8>> {
        self.opened.get(collection.index())?.as_ref().map(|opened| opened.key.clone())
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
