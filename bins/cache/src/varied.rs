//! Responses that vary by fields of requests (RFC 9111, section 4.1): the record of their base says
//! by which, and each variant has a record of its own.

use fosse_caching::{Stored, united};
use fosse_counters::{Counters, cache as count};
use fosse_source::Source;
use fosse_wire::{
    Outbox,
    cache::{
        PassCause,
        key::{base_of, is_variant},
    },
    frame::ResetReason,
};

use crate::{
    ask::{News, Now},
    fill::{Asker, Fill},
    keeper::Keeper,
    store::Store,
    variants::Room,
};

impl Store {
    /// Returns what a key finds that a source asks for. What is no variant has all the room that
    /// there is.
    fn room_for(&mut self, (key, hash): (&[u8], u64), source: Source, now_ms: u64) -> Room {
        if !is_variant(key) {
            return Room::Free;
        }
        let base = self.hash(&base_of(key));
        let mut variants = std::mem::take(&mut self.variants);
        let room = variants.room(base, (hash, source), now_ms, |hash| self.places_of(hash) != (None, None));
        self.variants = variants;
        room
    }

    /// Returns whether there is room for a key, or can be.
    pub(crate) fn has_room_for(&mut self, key: (&[u8], u64), source: Source, now_ms: u64) -> bool {
        self.room_for(key, source, now_ms) != Room::None
    }

    /// Makes room for a key that is kept next. Returns false where there is none.
    pub(crate) fn make_room_for(&mut self, (key, hash): (&[u8], u64), source: Source, now_ms: u64) -> bool {
        loop {
            match self.room_for((key, hash), source, now_ms) {
                Room::Free => break,
                Room::Of(oldest) => self.forget(oldest),
                Room::None => return false,
            }
        }
        self.add_variant(key, source, now_ms);
        true
    }

    /// Notes that a variant is kept, if the key is that of one.
    pub(crate) fn add_variant(&mut self, key: &[u8], source: Source, now_ms: u64) {
        if is_variant(key) {
            let (base, hash) = (self.hash(&base_of(key)), self.hash(key));
            self.variants.add(base, (hash, source), now_ms);
        }
    }
}

impl Keeper {
    /// Sees to it that the record of a base says by which fields its responses vary: what is
    /// written for that counts as the source's. Returns place and hash of the record; `None` where
    /// there is no room for it.
    fn note_names(&mut self, (base, names): (&[u8], &[u8]), source: Source, counters: &Counters) -> Option<(u64, u64)> {
        let hash = self.store.hash(base);
        let before = self.find(hash, base, counters);
        let known = before.as_ref().and_then(|before| Some((before.place, Stored::decode(&before.bytes).ok()?)));
        let (all, stored) = match known {
            None => (names.to_vec(), Stored { key: base, ..Stored::default() }),
            Some((place, stored)) => match united(stored.vary, names) {
                all if all == stored.vary => return Some((place, hash)),
                all => (all, stored),
            },
        };
        let (place, made_room) = self.store.put(hash, &Stored { vary: &all, ..stored });
        self.shares.add(source, base.len() + all.len() + stored.body.len());
        counters.add(count::MADE_ROOM, u64::try_from(made_room).unwrap_or(0));
        Some((place?, hash))
    }

    /// Makes room for the response of a fill. Returns the names that its record has: those that the
    /// responses of a base are known to vary by stay; `None` where there is no room for it.
    pub(crate) fn names_of(&mut self, fill: &Fill, names: &[u8], now: Now, counters: &Counters) -> Option<Vec<u8>> {
        if !is_variant(&fill.key) {
            let before = self.store.find(fill.hash, &fill.key);
            let known = before.as_ref().and_then(|(_, bytes)| Stored::decode(bytes).ok());
            return Some(united(known.map_or(&[], |known| known.vary), names));
        }
        self.note_names((&base_of(&fill.key), names), fill.source, counters)?;
        let has_room = self.store.make_room_for((&fill.key, fill.hash), fill.source, now.ms);
        has_room.then(|| names.to_vec())
    }

    /// Goes on with a fill whose response is a variant of what was asked for. Those who wait for it
    /// may want another one: they are told by what it varies. Returns the words for them.
    pub(crate) fn turn_into(
        &mut self,
        asker: Asker,
        key: &[u8],
        now: Now,
        out: &mut Outbox,
        counters: &Counters,
    ) -> Vec<News> {
        let Some(fill) = self.fills.get(asker).filter(|fill| fill.key != key) else { return Vec::new() };
        let (source, names) = (fill.source, fill.head.as_ref().map_or_else(Vec::new, |head| head.kept.vary.clone()));
        let Some((place, base)) = self.note_names((&base_of(key), &names), source, counters) else {
            let mut news = self.pass(asker, PassCause::Full, counters);
            news.extend(asker.stop(ResetReason::Limit, out));
            return news;
        };
        let Some(fill) = self.fills.take(asker) else { return Vec::new() };
        let fill = Fill { hash: base, ..fill };
        let mut news = self.found(&fill, place, (false, false), true);
        let hash = self.store.hash(key);
        if self.fills.has(hash) || !self.store.has_room_for((key, hash), fill.source, now.ms) {
            counters.add(count::REFUSED, 1);
            news.extend(asker.stop(ResetReason::Limit, out));
        } else {
            // What is kept of the base is not this variant's, also where its response breaks off.
            let (key, waiters, before) = (key.to_vec(), Vec::new(), None);
            self.fills.begin(asker, Fill { key, hash, waiters, before, ..fill });
        }
        news
    }
}
