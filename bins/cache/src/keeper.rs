//! What becomes of an ask and of a response: kept, confirmed, or passed by. No socket; the clock is
//! the caller's.

use std::time::Duration;

use fosse_arena::Writer;
use fosse_caching::{Directives, Kept, State, Stored, state};
use fosse_counters::{Counters, cache as count};
use fosse_eventloop::slab::Key;
use fosse_settings::Cache as Settings;
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    cache::{FromCache, PassCause},
    frame::ResetReason,
    request::BodyLength,
    response::{ResponseEnd, ResponseHead},
};

use crate::{
    ask::{Ask, News, Now},
    fill::{Asked, Fill, Waiter, can_be_confirmed},
    fills::Fills,
    heads,
    limits::{
        FILL_BYTES_MAX, FILL_MS_MAX, FILLS_COUNT_MAX, FILLS_SOURCE_MAX, SHARE_DIVISOR, UNKEPT_BYTES_MAX,
        WAITERS_COUNT_MAX,
    },
    purges::Purges,
    shares::Shares,
    store::Store,
};

/// Everything but the sockets.
#[derive(Debug)]
pub(crate) struct Keeper {
    settings: Settings,
    pub(crate) store: Store,
    pub(crate) fills: Fills,
    pub(crate) purges: Purges,
    shares: Shares,
    /// Requests that wait, of all fills.
    waiting: usize,
    /// Number of the last fill's request.
    request: u64,
}

impl Keeper {
    pub(crate) fn new(settings: Settings, writer: Writer, memory_bytes: u64) -> Self {
        Self {
            settings,
            store: Store::new(writer),
            fills: Fills::default(),
            purges: Purges::default(),
            shares: Shares::new(memory_bytes / SHARE_DIVISOR),
            waiting: 0,
            request: 0,
        }
    }

    /// Sets the gauges.
    pub(crate) fn count(&self, counters: &Counters) {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        counters.set(count::ENTRIES, number(self.store.len()));
        counters.set(count::UNDER_WAY, number(self.fills.len()));
    }

    /// Takes an ask. Returns the reply, if there is one at once.
    pub(crate) fn ask(&mut self, ask: &Ask<'_>, now: Now, out: &mut Outbox, counters: &Counters) -> Option<FromCache> {
        let tag = ask.waiter.tag;
        let pass = |cause| {
            counters.add(count::PASSED, 1);
            (tag != 0).then_some(FromCache::Pass { tag, cause })
        };
        if ask.configuration != self.settings.configuration {
            return pass(PassCause::Configuration);
        }
        let hash = self.store.hash(ask.key);
        if let Some(joined) = self.join(ask, hash, counters) {
            return if joined { None } else { pass(PassCause::Full) };
        }
        if self.fills.has(hash) {
            return pass(PassCause::Full);
        }
        let before = self.find(hash, ask.key, counters);
        if let Some((place, bytes)) = &before
            && !ask.validate
            && Stored::decode(bytes)
                .is_ok_and(|kept| state(&kept, &Directives::default(), now.seconds()) == State::Fresh)
        {
            // Another lane has asked for it meanwhile.
            let (collapsed, validated, stale) = (true, false, false);
            return Some(FromCache::Found { tag, place: *place, hash, collapsed, validated, stale })
                .filter(|_| tag != 0);
        }
        if self.store.is_unkept(hash, now.ms) {
            return pass(PassCause::NotKept);
        }
        let has_room = self.fills.len() < FILLS_COUNT_MAX
            && self.fills.of_source(ask.source) < FILLS_SOURCE_MAX
            && self.fills.bytes < FILL_BYTES_MAX
            // To ask again for what is kept adds nothing.
            && (before.is_some() || self.shares.allow(ask.source, now.ms));
        if !has_room || !self.begin(ask, hash, before.map(|(_, bytes)| bytes), now, out) {
            counters.add(count::REFUSED, 1);
            return pass(PassCause::Full);
        }
        counters.add(count::FILLS, 1);
        None
    }

    /// Returns what is kept for a key and stays.
    fn find(&mut self, hash: u64, key: &[u8], counters: &Counters) -> Option<(u64, Vec<u8>)> {
        let (place, bytes) = self.store.find(hash, key)?;
        if !self.purges.is_empty() && Stored::decode(&bytes).is_ok_and(|stored| self.purges.take(place, &stored)) {
            self.store.forget(hash);
            counters.add(count::FORGOTTEN, 1);
            return None;
        }
        Some((place, bytes))
    }

    /// Lets a request wait for a fill that is under way. Returns whether it may; `None` where there
    /// is no such fill.
    fn join(&mut self, ask: &Ask<'_>, hash: u64, counters: &Counters) -> Option<bool> {
        let fill = self.fills.of_key(hash, ask.key)?;
        if ask.waiter.tag == 0 {
            return Some(true);
        }
        if self.waiting >= WAITERS_COUNT_MAX {
            return Some(false);
        }
        fill.waiters.push(ask.waiter);
        self.waiting += 1;
        counters.add(count::COLLAPSED, 1);
        Some(true)
    }

    /// Begins a fill. Returns false where that is not possible.
    fn begin(&mut self, ask: &Ask<'_>, hash: u64, before: Option<Vec<u8>>, now: Now, out: &mut Outbox) -> bool {
        let Some(id) = self.fills.next_id() else { return false };
        self.request = self.request.wrapping_add(1);
        let asked = Asked { key: ask.key, site: ask.site, policy: ask.policy, request: self.request };
        let kept = before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let confirms = kept.filter(can_be_confirmed);
        if out.frame(id, Kind::Request, |body| asked.encode(confirms.as_ref(), body)).is_err() {
            return false;
        }
        // No trailers: a request that may be kept has no body.
        out.raw(id, Kind::RequestEnd, &[0; 2]);
        let waiters: Vec<Waiter> = Some(ask.waiter).filter(|waiter| waiter.tag != 0).into_iter().collect();
        self.waiting += waiters.len();
        self.fills.begin(Fill {
            key: ask.key.to_vec(),
            hash,
            target: self.store.target_of(ask.key),
            terms: ask.terms,
            source: ask.source,
            waiters,
            since_ms: now.ms,
            head: None,
            body: Vec::new(),
            before,
        });
        true
    }

    /// Forgets what is kept for the target of a key. What is under way for it may have been asked
    /// for too early, and is not kept.
    pub(crate) fn forget(&mut self, key: &[u8], counters: &Counters) -> Vec<News> {
        let forgotten = self.store.forget_target(key);
        counters.add(count::FORGOTTEN, u64::try_from(forgotten).unwrap_or(0));
        let target = self.store.target_of(key);
        let outdated = self.fills.ids(|fill| fill.target == target);
        outdated.into_iter().flat_map(|id| self.pass(id, PassCause::NotKept, counters)).collect()
    }

    /// Forgets the requests of a lane that is gone.
    pub(crate) fn forget_peer(&mut self, peer: Key) {
        self.fills.forget_peer(peer);
        self.waiting = 0;
        let ids = self.fills.ids(|_| true);
        for id in ids {
            self.waiting += self.fills.get(id).map_or(0, |fill| fill.waiters.len());
        }
    }

    /// Gives up fills that have taken too long.
    pub(crate) fn end_overdue(&mut self, now: Now, out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let overdue = self.fills.ids(|fill| now.ms >= fill.since_ms + FILL_MS_MAX);
        let mut news = Vec::new();
        for id in overdue {
            out.reset(id, ResetReason::Client);
            news.extend(self.failed(id, now, counters));
        }
        news
    }

    /// Takes a frame of the dispatch that is asked.
    ///
    /// # Errors
    /// [`WireError`]: it is not itself any more.
    pub(crate) fn take(
        &mut self,
        frame: &Frame<'_>,
        now: Now,
        out: &mut Outbox,
        counters: &Counters,
    ) -> Result<Vec<News>, WireError> {
        let id = frame.stream;
        match frame.kind {
            Kind::Response => self.head(id, &ResponseHead::decode(frame.body)?, now, out, counters),
            Kind::ResponseData => Ok(self.data(id, frame.body, out, counters)),
            Kind::ResponseEnd => {
                ResponseEnd::decode(frame.body)?;
                let news = self.whole(id, now, counters);
                if self.fills.end(id) { Ok(news) } else { Err(WireError::Order(frame.kind)) }
            }
            Kind::Reset => {
                frame.reset()?;
                let news = self.failed(id, now, counters);
                if self.fills.end(id) { Ok(news) } else { Err(WireError::Order(frame.kind)) }
            }
            // Nothing of a request is held back.
            Kind::RequestCredit => frame.credit().map(|_| Vec::new()),
            kind => Err(WireError::Order(kind)),
        }
    }

    fn head(
        &mut self,
        id: StreamId,
        head: &ResponseHead<'_>,
        now: Now,
        out: &mut Outbox,
        counters: &Counters,
    ) -> Result<Vec<News>, WireError> {
        if head.lease || head.upgrade {
            return Err(WireError::Field("fill"));
        }
        let Some(fill) = self.fills.get(id).filter(|_| !head.interim) else { return Ok(Vec::new()) };
        if fill.head.is_some() {
            return Err(WireError::Order(Kind::Response));
        }
        // The dispatch's own words, and those of an application that is not well.
        if head.own || matches!(head.status, 500 | 502 | 503 | 504) && Self::may_be_stale(fill, now) {
            return Ok(self.failed(id, now, counters));
        }
        let delay = Duration::from_millis(now.ms - fill.since_ms);
        let kept = match (head.status, fill.before.as_deref().map(Stored::decode)) {
            (304, Some(Ok(before))) => heads::of_confirmed(&before, head, &fill.terms, now, delay),
            _ => heads::of_new(head, &fill.terms, now, delay),
        };
        let length = if let BodyLength::Exact(length) = head.body { length } else { 0 };
        match kept {
            Ok(kept) if length <= self.settings.cached_response_bytes_max => {
                fill.head = Some(kept);
                Ok(Vec::new())
            }
            _ => {
                let hash = fill.hash;
                self.store.forget(hash);
                if head.status < 500 {
                    self.store.note_unkept(hash, now.ms);
                }
                if length > UNKEPT_BYTES_MAX {
                    out.reset(id, ResetReason::Client);
                }
                Ok(self.pass(id, PassCause::NotKept, counters))
            }
        }
    }

    fn data(&mut self, id: StreamId, bytes: &[u8], out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let credit = u32::try_from(bytes.len()).unwrap_or(0);
        let Some(fill) = self.fills.get(id) else {
            if let Some(before) = self.fills.unwanted(id, bytes.len()) {
                let length = u64::try_from(bytes.len()).unwrap_or(0);
                match before + length {
                    all if all <= UNKEPT_BYTES_MAX => out.credit(id, Kind::ResponseCredit, credit),
                    _ if before <= UNKEPT_BYTES_MAX => out.reset(id, ResetReason::Client),
                    _ => {}
                }
            }
            return Vec::new();
        };
        fill.body.extend_from_slice(bytes);
        let length = u64::try_from(fill.body.len()).unwrap_or(u64::MAX);
        let hash = fill.hash;
        self.fills.bytes += bytes.len();
        if length > self.settings.cached_response_bytes_max || self.fills.bytes > FILL_BYTES_MAX {
            out.reset(id, ResetReason::Limit);
            self.store.forget(hash);
            return self.pass(id, PassCause::Full, counters);
        }
        out.credit(id, Kind::ResponseCredit, credit);
        Vec::new()
    }

    /// Keeps a response that is whole.
    fn whole(&mut self, id: StreamId, now: Now, counters: &Counters) -> Vec<News> {
        let Some(mut fill) = self.fills.take(id) else { return Vec::new() };
        let Some(head) = fill.head.take() else { return self.passed(&fill, PassCause::Failed, counters) };
        let before = fill.before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let body = before.filter(|_| head.validated).map_or(fill.body.as_slice(), |before| before.body);
        let fields = head.decoded();
        let Kept { age_s, fresh_s, stale_while_s, stale_error_s, vary } = &head.kept;
        let stored = Stored {
            status: head.status,
            stored_s: now.seconds(),
            age_s: *age_s,
            fresh_s: *fresh_s,
            stale_while_s: *stale_while_s,
            stale_error_s: *stale_error_s,
            vary,
            key: &fill.key,
            fields,
            body,
        };
        let (place, made_room) = self.store.put(fill.hash, &stored);
        counters.add(count::MADE_ROOM, u64::try_from(made_room).unwrap_or(0));
        let Some(place) = place else { return self.passed(&fill, PassCause::Full, counters) };
        if !head.validated {
            self.shares.add(fill.source, fill.body.len() + fill.key.len() + head.fields.len());
        }
        counters.add(if head.validated { count::VALIDATED } else { count::KEPT }, 1);
        self.found(&fill, place, head.validated, false)
    }

    /// Ends a fill that the application has failed: what is kept is used where it says so.
    fn failed(&mut self, id: StreamId, now: Now, counters: &Counters) -> Vec<News> {
        let Some(fill) = self.fills.take(id) else { return Vec::new() };
        counters.add(count::FAILED, 1);
        let place = Some(&fill).filter(|fill| Self::may_be_stale(fill, now));
        match place.and_then(|fill| self.store.find(fill.hash, &fill.key)) {
            Some((place, _)) => self.found(&fill, place, false, true),
            None => self.passed(&fill, PassCause::Failed, counters),
        }
    }

    /// Returns whether what is kept may be used although it cannot be confirmed.
    fn may_be_stale(fill: &Fill, now: Now) -> bool {
        let before = fill.before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let usable = |stored| state(&stored, &Directives::default(), now.seconds()) != State::Stale;
        before.is_some_and(usable)
    }

    /// Ends a fill whose requests pass by.
    pub(crate) fn pass(&mut self, id: StreamId, cause: PassCause, counters: &Counters) -> Vec<News> {
        self.fills.take(id).map_or_else(Vec::new, |fill| self.passed(&fill, cause, counters))
    }

    fn passed(&mut self, fill: &Fill, cause: PassCause, counters: &Counters) -> Vec<News> {
        self.waiting -= fill.waiters.len();
        counters.add(count::PASSED, u64::try_from(fill.waiters.len()).unwrap_or(0));
        fill.waiters.iter().map(|waiter| (waiter.peer, FromCache::Pass { tag: waiter.tag, cause })).collect()
    }

    fn found(&mut self, fill: &Fill, place: u64, validated: bool, stale: bool) -> Vec<News> {
        self.waiting -= fill.waiters.len();
        let reply = |(at, waiter): (usize, &Waiter)| {
            let (tag, hash, collapsed) = (waiter.tag, fill.hash, at > 0);
            (waiter.peer, FromCache::Found { tag, place, hash, collapsed, validated, stale })
        };
        fill.waiters.iter().enumerate().map(reply).collect()
    }
}
