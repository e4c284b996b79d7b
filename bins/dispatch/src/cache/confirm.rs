//! What is kept and stale: whoever leads asks the application whether it still holds (RFC 9111,
//! section 4.3). Its client gets what is kept where that is so, and where the application has
//! failed and what is kept may be used then (RFC 5861, section 4).

use fosse_caching::{Directives, Reply, State, can_be_confirmed, conditions, reply, state};
use fosse_counters::dispatch as count;
use fosse_http1::ResponseHead as BackendHead;
use fosse_wire::{cache::LeaveCause, cursor::Cursor, fields::Fields};

use super::{
    cached::{Instead, Status, now_s},
    lead,
};
use crate::{
    context::{Context, Shared},
    exchange::{Outcome, stream::Stream},
};

/// Has a stream that leads ask whether what is kept at a place still holds.
pub(super) fn ask(stream: &mut Stream, kept: (u64, u64), context: &mut Context<'_>) {
    let (source, credit) = (stream.source(), stream.credit);
    let Some(cached) = &mut stream.cached else { return };
    let Shared { cache: Some(cache), ahead, .. } = &mut *context.shared else { return };
    // Where there is no room for it, the response of the application is what can be passed on.
    if !cache.read(kept.0, kept.1) || !cache.fits(credit, ahead.room(source)) {
        return;
    }
    let Some(stored) = cache.stored().filter(|stored| stored.key == cached.key.as_slice()) else { return };
    cached.confirms = Some(kept);
    if !can_be_confirmed(&stored) {
        return;
    }
    let conditions: Vec<_> = conditions(&stored).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    // Where one cannot be written nothing is asked: the response comes whole.
    let is_asked = stream.put_conditions(&conditions) == Ok(true);
    stream.cached.iter_mut().for_each(|cached| cached.is_asked = is_asked);
}

/// Returns whether what is kept is sent in place of a response with this head, whose body is read
/// for nobody then.
pub(crate) fn replaces(stream: &mut Stream, head: &BackendHead<'_>, context: &mut Context<'_>) -> bool {
    let Some(cached) = &stream.cached else { return false };
    let (Some(confirms), is_asked) = (cached.confirms, cached.is_asked) else { return false };
    match head.status {
        // One that nobody has asked for confirms nothing.
        304 if is_asked => {
            let is_passed = lead::confirm(stream, head, context);
            let Some(cached) = &mut stream.cached else { return false };
            cached.instead = Some(Instead::Confirmed);
            cached.tag = if is_passed { cached.lead.take().map_or(0, |lead| lead.tag) } else { 0 };
            true
        }
        500 | 502 | 503 | 504 if may_be_stale(context.shared, confirms) => {
            lead::leave(stream, LeaveCause::Failed, context.shared);
            stream.cached.iter_mut().for_each(|cached| cached.instead = Some(Instead::Stale));
            true
        }
        _ => false,
    }
}

/// Returns whether what is kept may be used where the application has failed: it has not been
/// purged or changed meanwhile, and says so.
pub(super) fn may_be_stale(shared: &mut Shared, (place, hash): (u64, u64)) -> bool {
    let Some(cache) = &mut shared.cache else { return false };
    if cache.find(hash, usize::MAX).is_none_or(|found| found.place != place) {
        return false;
    }
    let stored = cache.stored().filter(|stored| !cache.has_changed(stored.key));
    stored.is_some_and(|stored| state(&stored, &Directives::default(), now_s()) != State::Stale)
}

/// Has what is kept sent in place of a response. Returns what is to be done: where it is not there
/// any more nothing can be sent. One that was purged meanwhile and is confirmed is what the
/// application has now.
pub(crate) fn instead(stream: &mut Stream, context: &mut Context<'_>) -> Outcome {
    let (source, credit) = (stream.source(), stream.credit);
    let Some(cached) = &mut stream.cached else { return Outcome::Respond(502) };
    let status = match cached.instead.take() {
        Some(Instead::Stale) => Status::StaleOnError,
        _ => Status::Validated { collapsed: false },
    };
    let fields = std::mem::take(&mut cached.fields);
    let Shared { cache: Some(cache), ahead, .. } = &mut *context.shared else { return Outcome::Respond(502) };
    let is_there = cached.confirms.take().is_some_and(|(place, hash)| cache.read(place, hash));
    let Some(stored) = cache.stored().filter(|_| is_there) else { return Outcome::Respond(502) };
    let fields = Fields::decode(&mut Cursor::new(&fields)).unwrap_or_default();
    let reply: Reply = reply(&stored, fields.into_iter(), stream.to_head);
    // There was room when it was asked for.
    if !cache.fits(credit, ahead.room(source)) {
        return Outcome::Respond(503);
    }
    cache.reply = (reply, status);
    context.counters.add(count::CACHE_MISSES, 1);
    Outcome::RespondKept
}
