//! Fills that a lane leads: it asks the application with the request that it has, sends the
//! response to its client, and passes on what is to be kept.

use std::time::Duration;

use fosse_counters::Counters;
use fosse_eventloop::slab::Key;
use fosse_wire::{
    Outbox, WireError,
    cache::{FromCache, LeaveCause, PassCause, Way, key::base_of},
    fields::Fields,
    response::ResponseHead,
};

use crate::{
    ask::{Ask, News, Now},
    fill::{Asker, Fill, Waiter},
    keeper::Keeper,
    limits::LEAD_MS_MAX,
};

impl Keeper {
    /// Has the lane of a request lead. Returns the word for it.
    pub(crate) fn lead(&mut self, ask: &Ask<'_>, hash: u64, before: Option<Vec<u8>>, now: Now) -> News {
        let fill = Fill { before, ..self.fill(ask, hash, now) };
        self.led_by(ask.waiter, fill)
    }

    fn led_by(&mut self, Waiter { peer, tag, .. }: Waiter, fill: Fill) -> News {
        let place = fill.before.as_ref().and_then(|_| self.store.find(fill.hash, &fill.key));
        let confirms = place.map(|(place, _)| (place, fill.hash));
        self.fills.begin(Asker::Lane(peer, tag), fill);
        (peer, FromCache::Lead { tag, bytes_max: self.settings.cached_response_bytes_max, confirms })
    }

    /// Has another lane lead where the one that does takes long: its client may be slow. Returns
    /// the words for both; `None` where that is not so.
    pub(crate) fn take_over(&mut self, next: Waiter, asker: Asker, now: Now) -> Option<Vec<News>> {
        let Asker::Lane(peer, tag) = asker else { return None };
        let is_late = |fill: &Fill| now.ms >= fill.since_ms + LEAD_MS_MAX;
        if next.way != Way::Lane || !self.fills.get(asker).is_some_and(|fill| is_late(fill)) {
            return None;
        }
        let fill = self.fills.take(asker).map(|fill| begun_again(fill, now))?;
        Some(vec![(peer, FromCache::Enough { tag }), self.led_by(next, fill)])
    }

    /// Goes on with a fill whose lane does not lead any more: the next one that may does, or all
    /// who wait pass by.
    pub(crate) fn hand_on(&mut self, asker: Asker, now: Now, counters: &Counters) -> Vec<News> {
        let Some(mut fill) = self.fills.take(asker).map(|fill| begun_again(fill, now)) else { return Vec::new() };
        let Some(at) = fill.waiters.iter().position(|waiter| waiter.way == Way::Lane) else {
            return self.passed(&fill, PassCause::Failed, counters);
        };
        self.waiting -= 1;
        let next = fill.waiters.remove(at);
        vec![self.led_by(next, fill)]
    }

    /// Takes the head of a response from the lane that leads, and the key of the variant that it
    /// is.
    ///
    /// # Errors
    /// [`WireError::Field`] where that is none of what the lane was told to ask for.
    pub(crate) fn led_head(
        &mut self,
        (peer, tag): (Key, u32),
        (delay_ms, status, key, fields): (u32, u16, &[u8], Fields<'_>),
        now: Now,
        out: &mut Outbox,
        counters: &Counters,
    ) -> Result<Vec<News>, WireError> {
        let asker = Asker::Lane(peer, tag);
        let Some(fill) = self.fills.get(asker).filter(|fill| fill.head.is_none()) else {
            // It has been forgotten meanwhile. Who passes a confirmation on waits for a word.
            let word = Some((peer, FromCache::Enough { tag })).filter(|_| status == 304);
            return Ok(word.into_iter().collect());
        };
        if !key.is_empty() && base_of(key) != base_of(&fill.key) {
            return Err(WireError::Field("variant"));
        }
        let head = ResponseHead { status, fields, ..ResponseHead::default() };
        let mut news = self.head(asker, &head, (now, Duration::from_millis(delay_ms.into())), out, counters);
        if !key.is_empty() {
            news.extend(self.turn_into(asker, key, now, out, counters));
        }
        Ok(news)
    }

    /// Takes the next part of a body from the lane that leads.
    pub(crate) fn led_data(
        &mut self,
        (peer, tag): (Key, u32),
        bytes: &[u8],
        out: &mut Outbox,
        counters: &Counters,
    ) -> Vec<News> {
        let asker = Asker::Lane(peer, tag);
        let has_head = self.fills.get(asker).is_some_and(|fill| fill.head.is_some());
        if has_head { self.append(asker, bytes, out, counters) } else { Vec::new() }
    }

    /// Takes word of a lane that it has nothing to be kept.
    pub(crate) fn left(
        &mut self,
        (peer, tag): (Key, u32),
        cause: LeaveCause,
        now: Now,
        counters: &Counters,
    ) -> Vec<News> {
        let asker = Asker::Lane(peer, tag);
        match cause {
            LeaveCause::Own => self.hand_on(asker, now, counters),
            LeaveCause::Failed => self.failed(asker, now, counters),
            LeaveCause::NotKept => {
                if let Some(hash) = self.fills.get(asker).map(|fill| fill.hash) {
                    self.store.forget(hash);
                    self.store.note_unkept(hash, now.ms);
                }
                self.pass(asker, PassCause::NotKept, counters)
            }
        }
    }
}

/// Returns a fill as it is before anything of its response has come.
fn begun_again(fill: Fill, now: Now) -> Fill {
    Fill { head: None, body: Vec::new(), since_ms: now.ms, ..fill }
}
