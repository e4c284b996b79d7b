//! What becomes of an ask and of a response: kept, confirmed, or passed by. No socket; the clock is
//! the caller's.

use fosse_caching::{Directives, State, Stored, can_be_confirmed, state};
use fosse_counters::{Counters, cache as count};
use fosse_eventloop::slab::Key;
use fosse_settings::Cache as Settings;
use fosse_source::Source;
use fosse_wire::{
    Kind, Outbox,
    cache::{FromCache, PassCause, Way},
    frame::ResetReason,
};

use crate::{
    ask::{Ask, News, Now},
    fill::{Asked, Asker, Fill, Waiter},
    fills::Fills,
    limits::{FILL_MS_MAX, FILLS_COUNT_MAX, FILLS_SOURCE_MAX, SHARE_DIVISOR, WAITERS_COUNT_MAX},
    purge::At,
    purges::Purges,
    shares::Shares,
    store::Store,
    volume::Counts,
};

/// A kept response that was found.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) place: u64,
    pub(crate) bytes: Vec<u8>,
    from_disk: bool,
}

/// Everything but the sockets.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) fills: Fills,
    pub(crate) purges: Purges,
    pub(crate) shares: Shares,
    /// Requests that wait, of all fills.
    pub(crate) waiting: usize,
    /// Number of the last fill's request.
    request: u64,
}

impl Keeper {
    pub(crate) fn new(settings: Settings, store: Store, memory_bytes: u64, request: u64) -> Self {
        Self {
            settings,
            store,
            fills: Fills::default(),
            purges: Purges::default(),
            shares: Shares::new(memory_bytes / SHARE_DIVISOR),
            waiting: 0,
            request,
        }
    }

    /// Sets the gauges, and counts what has happened on the disk.
    pub(crate) fn count(&mut self, counters: &Counters) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        counters.set(count::ENTRIES, number(self.store.len()));
        counters.set(count::UNDER_WAY, number(self.fills.len()));
        counters.set(count::ON_DISK, number(self.store.on_disk()));
        let Counts { read, written, made_room, lost } = self.store.take_disk_counts();
        for (counter, count) in [
            (count::DISK_READ, read),
            (count::DISK_WRITTEN, written),
            (count::MADE_ROOM, made_room),
            (count::DISK_LOST, lost),
        ] {
            counters.add(counter, count);
        }
    }

    /// Takes an ask. Returns the replies, to it and to others.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, now: Now, out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let hash = self.store.hash(ask.key);
        if ask.configuration != self.settings.configuration {
            return pass_by(ask.waiter, PassCause::Configuration, counters);
        }
        if let Some(asker) = self.fills.of_key(hash, ask.key) {
            return self.join(ask, asker, now, counters);
        }
        if self.fills.has(hash) {
            return pass_by(ask.waiter, PassCause::Full, counters);
        }
        let before = self.find(hash, ask.key, counters);
        let kept = before.as_ref().and_then(|before| Some((before, Stored::decode(&before.bytes).ok()?)));
        let state_of = |kept: &Stored<'_>| state(kept, &Directives::default(), now.seconds());
        match &kept {
            Some((Before { place, from_disk, .. }, kept))
                if !ask.validate && (kept.is_marker() || state_of(kept) == State::Fresh) =>
            {
                // It was on the disk, or another lane has asked for it meanwhile.
                let (Waiter { peer, tag, .. }, place, from_disk) = (ask.waiter, *place, *from_disk);
                let (collapsed, validated, stale) = (!from_disk, false, false);
                let found = FromCache::Found { tag, place, hash, collapsed, validated, stale, from_disk };
                (tag != 0).then_some((peer, found)).into_iter().collect()
            }
            // What is kept may be confirmed, and used where that fails.
            Some((_, kept)) if can_be_confirmed(kept) || state_of(kept) != State::Stale => {
                self.fetch(ask, hash, before, now, out, counters)
            }
            _ => self.fetch(ask, hash, None, now, out, counters),
        }
    }

    /// Has a response asked for, by the cache or the lane.
    fn fetch(
        &mut self,
        ask: &Ask<'_>,
        hash: u64,
        before: Option<Before>,
        now: Now,
        out: &mut Outbox,
        counters: &Counters,
    ) -> Vec<News> {
        let leads = ask.waiter.tag != 0;
        if self.store.is_unkept(hash, now.ms) || leads && before.is_none() && ask.waiter.way == Way::None {
            return pass_by(ask.waiter, PassCause::NotKept, counters);
        }
        let has_room = self.fills.len() < FILLS_COUNT_MAX
            && self.fills.of_source(ask.source) < FILLS_SOURCE_MAX
            && self.fills.has_room(ask.source)
            // To ask again for what is kept adds nothing.
            && (before.is_some() || self.shares.allow(ask.source, now.ms))
            && self.store.has_room_for((ask.key, hash), ask.source, now.ms);
        if has_room && leads && ask.waiter.way == Way::Lane {
            counters.add(count::FILLS, 1);
            return vec![self.lead(ask, hash, before.map(|before| before.bytes), now)];
        }
        if !has_room || !self.begin(ask, hash, before.map(|before| before.bytes), now, out) {
            counters.add(count::REFUSED, 1);
            return pass_by(ask.waiter, PassCause::Full, counters);
        }
        counters.add(count::FILLS, 1);
        Vec::new()
    }

    /// Returns what is kept for a key and stays. What is on the disk alone comes into the memory.
    pub(crate) fn find(&mut self, hash: u64, key: &[u8], counters: &Counters) -> Option<Before> {
        let (at, bytes) = match self.store.find(hash, key) {
            Some((place, bytes)) => (At::Memory(place), bytes),
            None => self.store.find_on_disk(hash, key).map(|(number, bytes)| (At::Disk(number), bytes))?,
        };
        if !self.purges.is_empty() && Stored::decode(&bytes).is_ok_and(|stored| self.purges.take(at, &stored)) {
            self.store.forget(hash);
            counters.add(count::FORGOTTEN, 1);
            return None;
        }
        match at {
            At::Memory(place) => Some(Before { place, bytes, from_disk: false }),
            At::Disk(_) => {
                let (place, made_room) = self.store.promote(hash, &bytes);
                self.store.add_variant(key, Source::LOCAL, 0);
                counters.add(count::MADE_ROOM, u64::try_from(made_room).unwrap_or(0));
                place.map(|place| Before { place, bytes, from_disk: true })
            }
        }
    }

    /// Lets a request wait for a fill that is under way, or has its lane go on with that where it
    /// takes long. Returns the replies.
    fn join(&mut self, ask: &Ask<'_>, asker: Asker, now: Now, counters: &Counters) -> Vec<News> {
        if ask.waiter.tag == 0 {
            return Vec::new();
        }
        if let Some(news) = self.take_over(ask.waiter, asker, now) {
            return news;
        }
        let Some(fill) = self.fills.get(asker).filter(|_| self.waiting < WAITERS_COUNT_MAX) else {
            return pass_by(ask.waiter, PassCause::Full, counters);
        };
        fill.waiters.push(ask.waiter);
        self.waiting += 1;
        counters.add(count::COLLAPSED, 1);
        Vec::new()
    }

    /// Begins a fill. Returns false where that is not possible.
    fn begin(&mut self, ask: &Ask<'_>, hash: u64, before: Option<Vec<u8>>, now: Now, out: &mut Outbox) -> bool {
        let Some(id) = self.fills.next_id() else { return false };
        self.request = self.request.wrapping_add(1);
        let Ask { key, site, policy, fields, .. } = *ask;
        let asked = Asked { key, site, policy, request: self.request, fields };
        let kept = before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let confirms = kept.filter(can_be_confirmed);
        if out.frame(id, Kind::Request, |body| asked.encode(confirms.as_ref(), body)).is_err() {
            return false;
        }
        // No trailers: a request that may be kept has no body.
        out.raw(id, Kind::RequestEnd, &[0; 2]);
        let waiters: Vec<Waiter> = Some(ask.waiter).filter(|waiter| waiter.tag != 0).into_iter().collect();
        self.waiting += waiters.len();
        let fill = self.fill(ask, hash, now);
        self.fills.begin(Asker::Own(id), Fill { waiters, before, ..fill });
        true
    }

    /// Makes a fill that nobody waits for.
    pub(crate) fn fill(&self, ask: &Ask<'_>, hash: u64, now: Now) -> Fill {
        Fill {
            key: ask.key.to_vec(),
            hash,
            target: self.store.target_of(ask.key),
            terms: ask.terms,
            source: ask.source,
            waiters: Vec::new(),
            since_ms: now.ms,
            head: None,
            body: Vec::new(),
            before: None,
        }
    }

    /// Forgets what is kept for the target of a key. What is under way for it may have been asked
    /// for too early, and is not kept.
    pub(crate) fn forget(&mut self, key: &[u8], counters: &Counters) -> Vec<News> {
        let forgotten = self.store.forget_target(key);
        counters.add(count::FORGOTTEN, u64::try_from(forgotten).unwrap_or(0));
        let target = self.store.target_of(key);
        let outdated = self.fills.askers(|fill| fill.target == target);
        self.give_up(outdated, counters)
    }

    /// Ends fills that may have been asked for too early: their requests pass by, and lanes that
    /// lead hear that it is enough.
    pub(crate) fn give_up(&mut self, outdated: Vec<Asker>, counters: &Counters) -> Vec<News> {
        let mut news = Vec::new();
        for asker in outdated {
            news.extend(self.pass(asker, PassCause::NotKept, counters));
            if let Asker::Lane(peer, tag) = asker {
                news.push((peer, FromCache::Enough { tag }));
            }
        }
        news
    }

    /// Forgets the requests of a lane that is gone. What it has led goes on with another.
    pub(crate) fn forget_peer(&mut self, peer: Key, now: Now, counters: &Counters) -> Vec<News> {
        let (led, waiting) = self.fills.forget_peer(peer);
        self.waiting = waiting;
        led.into_iter().flat_map(|asker| self.hand_on(asker, now, counters)).collect()
    }

    /// Gives up fills that have taken too long.
    pub(crate) fn end_overdue(&mut self, now: Now, out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let overdue = self.fills.askers(|fill| now.ms >= fill.since_ms + FILL_MS_MAX);
        let mut news = Vec::new();
        for asker in overdue {
            news.extend(self.failed(asker, now, counters));
            news.extend(asker.stop(ResetReason::Client, out));
        }
        news
    }

    /// Ends a fill whose requests pass by.
    pub(crate) fn pass(&mut self, asker: Asker, cause: PassCause, counters: &Counters) -> Vec<News> {
        self.fills.take(asker).map_or_else(Vec::new, |fill| self.passed(&fill, cause, counters))
    }

    pub(crate) fn passed(&mut self, fill: &Fill, cause: PassCause, counters: &Counters) -> Vec<News> {
        self.waiting -= fill.waiters.len();
        counters.add(count::PASSED, u64::try_from(fill.waiters.len()).unwrap_or(0));
        fill.waiters.iter().map(|waiter| (waiter.peer, FromCache::Pass { tag: waiter.tag, cause })).collect()
    }

    /// Tells all who wait for a fill where its response is; the first of them asked for it, unless
    /// a lane has led.
    pub(crate) fn found(
        &mut self,
        fill: &Fill,
        place: u64,
        (validated, stale): (bool, bool),
        is_led: bool,
    ) -> Vec<News> {
        self.waiting -= fill.waiters.len();
        let reply = |(at, waiter): (usize, &Waiter)| {
            let (tag, hash, collapsed) = (waiter.tag, fill.hash, is_led || at > 0);
            (waiter.peer, FromCache::Found { tag, place, hash, collapsed, validated, stale, from_disk: false })
        };
        fill.waiters.iter().enumerate().map(reply).collect()
    }
}

/// Lets a request pass by. Returns the reply.
fn pass_by(Waiter { peer, tag, .. }: Waiter, cause: PassCause, counters: &Counters) -> Vec<News> {
    counters.add(count::PASSED, 1);
    (tag != 0).then_some((peer, FromCache::Pass { tag, cause })).into_iter().collect()
}
