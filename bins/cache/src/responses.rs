//! What becomes of a response that comes: kept once it is whole, used to confirm what was kept, or
//! thrown away.

use std::time::Duration;

use fosse_caching::{Directives, Kept, State, Stored, state};
use fosse_counters::{Counters, cache as count};
use fosse_wire::{
    Frame, Kind, Outbox, StreamId, WireError,
    cache::{PassCause, Way},
    frame::ResetReason,
    request::BodyLength,
    response::{ResponseEnd, ResponseHead},
};

use crate::{
    ask::{News, Now},
    fill::{Asker, Fill, Waiter},
    heads,
    keeper::Keeper,
    limits::UNKEPT_BYTES_MAX,
};

impl Keeper {
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
        let asker = Asker::Own(id);
        match frame.kind {
            Kind::Response => {
                let head = ResponseHead::decode(frame.body)?;
                if head.lease || head.upgrade {
                    return Err(WireError::Field("fill"));
                }
                let Some(fill) = self.fills.get(asker).filter(|_| !head.interim) else { return Ok(Vec::new()) };
                if fill.head.is_some() {
                    return Err(WireError::Order(Kind::Response));
                }
                // The dispatch's own words, and those of an application that is not well.
                if head.own || matches!(head.status, 500 | 502 | 503 | 504) && Self::may_be_stale(fill, now) {
                    return Ok(self.failed(asker, now, counters));
                }
                let delay = Duration::from_millis(now.ms - fill.since_ms);
                Ok(self.head(asker, &head, (now, delay), out, counters))
            }
            Kind::ResponseData => Ok(self.data(id, frame.body, out, counters)),
            Kind::ResponseEnd => {
                ResponseEnd::decode(frame.body)?;
                let news = self.whole(asker, now, counters);
                if self.fills.end(id) { Ok(news) } else { Err(WireError::Order(frame.kind)) }
            }
            Kind::Reset => {
                frame.reset()?;
                let news = self.failed(asker, now, counters);
                if self.fills.end(id) { Ok(news) } else { Err(WireError::Order(frame.kind)) }
            }
            // Nothing of a request is held back.
            Kind::RequestCredit => frame.credit().map(|_| Vec::new()),
            kind => Err(WireError::Order(kind)),
        }
    }

    /// Takes the head of a response that came at a time, so long after it was asked for.
    pub(crate) fn head(
        &mut self,
        asker: Asker,
        head: &ResponseHead<'_>,
        (now, delay): (Now, Duration),
        out: &mut Outbox,
        counters: &Counters,
    ) -> Vec<News> {
        let Some(fill) = self.fills.get(asker) else { return Vec::new() };
        let kept = match (head.status, fill.before.as_deref().map(Stored::decode)) {
            (304, Some(Ok(before))) => heads::of_confirmed(&before, head, &fill.terms, now, delay),
            _ => heads::of_new(head, &fill.terms, now, delay),
        };
        let length = if let BodyLength::Exact(length) = head.body { length } else { 0 };
        match kept {
            Ok(kept) if length <= self.settings.cached_response_bytes_max => {
                fill.head = Some(kept);
                Vec::new()
            }
            _ => {
                let hash = fill.hash;
                self.store.forget(hash);
                if head.status < 500 {
                    self.store.note_unkept(hash, now.ms);
                }
                let mut news = self.pass(asker, PassCause::NotKept, counters);
                if length > UNKEPT_BYTES_MAX || matches!(asker, Asker::Lane(..)) {
                    news.extend(asker.stop(ResetReason::Client, out));
                }
                news
            }
        }
    }

    fn data(&mut self, id: StreamId, bytes: &[u8], out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let credit = u32::try_from(bytes.len()).unwrap_or(0);
        let asker = Asker::Own(id);
        if self.fills.get(asker).is_none() {
            if let Some(before) = self.fills.unwanted(id, bytes.len()) {
                let length = u64::try_from(bytes.len()).unwrap_or(0);
                match before + length {
                    all if all <= UNKEPT_BYTES_MAX => out.credit(id, Kind::ResponseCredit, credit),
                    _ if before <= UNKEPT_BYTES_MAX => out.reset(id, ResetReason::Client),
                    _ => {}
                }
            }
            return Vec::new();
        }
        let news = self.append(asker, bytes, out, counters);
        if self.fills.get(asker).is_some() {
            out.credit(id, Kind::ResponseCredit, credit);
        }
        news
    }

    /// Takes the next part of a body. One that is too long ends the fill.
    pub(crate) fn append(&mut self, asker: Asker, bytes: &[u8], out: &mut Outbox, counters: &Counters) -> Vec<News> {
        let Some(hash) = self.fills.get(asker).map(|fill| fill.hash) else { return Vec::new() };
        let length = self.fills.append(asker, bytes).and_then(|length| u64::try_from(length).ok());
        if length.is_some_and(|length| length <= self.settings.cached_response_bytes_max) {
            return Vec::new();
        }
        self.store.forget(hash);
        let mut news = self.pass(asker, PassCause::Full, counters);
        news.extend(asker.stop(ResetReason::Limit, out));
        news
    }

    /// Keeps a response that is whole.
    pub(crate) fn whole(&mut self, asker: Asker, now: Now, counters: &Counters) -> Vec<News> {
        let Some(mut fill) = self.fills.take(asker) else { return Vec::new() };
        let Some(head) = fill.head.take() else { return self.passed(&fill, PassCause::Failed, counters) };
        if let Asker::Lane(peer, tag) = asker
            && head.validated
        {
            // It has got no response: what is kept is its client's too.
            fill.waiters.insert(0, Waiter { peer, tag, way: Way::Lane });
            self.waiting += 1;
        }
        let before = fill.before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let body = before.filter(|_| head.validated).map_or(fill.body.as_slice(), |before| before.body);
        let fields = head.decoded();
        let Kept { age_s, fresh_s, stale_while_s, stale_error_s, vary } = &head.kept;
        let Some(vary) = self.names_of(&fill, vary, now, counters) else {
            return self.passed(&fill, PassCause::Full, counters);
        };
        let stored = Stored {
            status: head.status,
            stored_s: now.seconds(),
            age_s: *age_s,
            fresh_s: *fresh_s,
            stale_while_s: *stale_while_s,
            stale_error_s: *stale_error_s,
            vary: &vary,
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
        let is_led = matches!(asker, Asker::Lane(..)) && !head.validated;
        self.found(&fill, place, (head.validated, false), is_led)
    }

    /// Ends a fill that the application has failed: what is kept is used where it says so.
    pub(crate) fn failed(&mut self, asker: Asker, now: Now, counters: &Counters) -> Vec<News> {
        let Some(fill) = self.fills.take(asker) else { return Vec::new() };
        counters.add(count::FAILED, 1);
        let place = Some(&fill).filter(|fill| Self::may_be_stale(fill, now));
        match place.and_then(|fill| self.store.find(fill.hash, &fill.key)) {
            Some((place, _)) => self.found(&fill, place, (false, true), false),
            None => self.passed(&fill, PassCause::Failed, counters),
        }
    }

    /// Returns whether what is kept may be used although it cannot be confirmed.
    fn may_be_stale(fill: &Fill, now: Now) -> bool {
        let before = fill.before.as_deref().and_then(|bytes| Stored::decode(bytes).ok());
        let usable = |stored| state(&stored, &Directives::default(), now.seconds()) != State::Stale;
        before.is_some_and(usable)
    }
}
