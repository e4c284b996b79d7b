//! A response that this lane has asked for, for its client and for others: it goes to the client as
//! any other, and what is to be kept of it to the cache besides.

use std::time::{Duration, SystemTime};

use fosse_caching::keep;
use fosse_counters::dispatch as count;
use fosse_http1::{Field, ResponseHead as BackendHead};
use fosse_wire::{
    WireError,
    cache::{LeaveCause, ToCache},
    cursor::Cursor,
    fields::Fields,
    request::BodyLength,
    response::ResponseHead,
};

use super::{
    cached::{Lead, Status},
    variant::{Variant, variant},
};
use crate::{
    context::{Context, Shared},
    exchange::{
        response::{self, Own, Removed},
        stream::Stream,
    },
    policies::Policy,
    upstream::pins,
};

/// Passes the head of a final response on to the cache, where its stream leads and it is one to
/// keep.
pub(crate) fn offer(
    stream: &mut Stream,
    head: &BackendHead<'_>,
    body: BodyLength,
    policy: &Policy,
    context: &mut Context<'_>,
) {
    let Some(lead) = stream.cached.as_ref().and_then(|cached| cached.lead) else { return };
    let mut out = Vec::new();
    let delay = Duration::from_micros(context.event_loop.now_us() - stream.sent_us);
    let offered = put(&mut out, stream, head, context)
        .map_err(|_| LeaveCause::NotKept)
        .and_then(|fields| judge(stream, (head, fields), body, (lead, policy), delay).map(|judged| (fields, judged)));
    let (fields, (ttl_s, key)) = match offered {
        Ok(offered) => offered,
        Err(cause) => {
            context.counters.add(count::CACHE_PASSED, 1);
            return leave(stream, cause, context.shared);
        }
    };
    let delay_ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    let head = ToCache::Head { tag: lead.tag, delay_ms, status: head.status, key: &key, fields };
    if !context.shared.cache.as_mut().is_some_and(|cache| cache.pass_on(&head)) {
        return leave(stream, LeaveCause::Failed, context.shared);
    }
    context.counters.add(count::CACHE_MISSES, 1);
    // What a slow client leaves is read ahead: others wait for all of it.
    stream.reads_ahead = true;
    if let Some(cached) = &mut stream.cached {
        cached.lead = Some(Lead { is_kept: true, ..lead });
        let varied = cached.status == Status::VaryMiss;
        (cached.status, cached.ttl_s) = (Status::Stored { collapsed: false, varied }, ttl_s);
    }
}

/// Passes the head of a 304 on to the cache, where its stream leads: the cache replies to it.
/// Returns false where there is nobody to reply.
pub(super) fn confirm(stream: &Stream, head: &BackendHead<'_>, context: &mut Context<'_>) -> bool {
    let Some(lead) = stream.cached.as_ref().and_then(|cached| cached.lead) else { return false };
    let delay = Duration::from_micros(context.event_loop.now_us() - stream.sent_us);
    let delay_ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    let mut out = Vec::new();
    let Ok(fields) = put(&mut out, stream, head, context) else { return false };
    let passed = ToCache::Head { tag: lead.tag, delay_ms, status: head.status, key: &[], fields };
    context.shared.cache.as_mut().is_some_and(|cache| cache.pass_confirmation_on(stream.id, &passed, lead.tag))
}

/// Writes a head as the cache of another lane would have it. Returns its fields.
fn put<'o>(
    out: &'o mut Vec<u8>,
    stream: &Stream,
    head: &BackendHead<'_>,
    context: &mut Context<'_>,
) -> Result<Fields<'o>, WireError> {
    // The application's word on a file goes before that of the file itself.
    let kept: Vec<Field<'_>> = stream.send_file.as_ref().map(|file| file.kept(head).collect()).unwrap_or_default();
    let date = context.shared.date.at(context.event_loop.now_ms());
    let own = Own { date, kept: &kept, ..Own::default() };
    let plain = ResponseHead { status: head.status, ..ResponseHead::default() };
    let removed = Removed { logins: true, ..Removed::default() };
    response::put(out, &plain, head, (removed, None), own)?;
    Ok(ResponseHead::decode(out)?.fields)
}

/// Decides whether a response is kept. Returns the time for which it is fresh, in seconds, and the
/// key of the variant that it is of what was asked for; an empty one where it is that.
fn judge(
    stream: &Stream,
    (head, fields): (&BackendHead<'_>, Fields<'_>),
    body: BodyLength,
    (lead, policy): (Lead, &Policy),
    delay: Duration,
) -> Result<(i64, Vec<u8>), LeaveCause> {
    let (Some(cached), Some(policy)) = (&stream.cached, &policy.settings.cache) else {
        return Err(LeaveCause::Failed);
    };
    // Others may get another word on what this client has, or may have.
    let is_own = matches!(head.status, 206 | 304 | 412 | 416) || pins::asks_for_login(&head.fields);
    let kept = keep(head.status, fields, &cached.terms, SystemTime::now(), delay).map_err(|_| match head.status {
        _ if is_own => LeaveCause::Own,
        500.. => LeaveCause::Failed,
        _ => LeaveCause::NotKept,
    })?;
    let request = Fields::decode(&mut Cursor::new(&cached.fields)).unwrap_or_default();
    let key = match variant(&cached.key, policy, kept.varies_by(), request) {
        Variant::This => Vec::new(),
        Variant::Of(key) => key,
        Variant::None => return Err(LeaveCause::NotKept),
    };
    match body {
        _ if is_own => Err(LeaveCause::NotKept),
        BodyLength::Exact(length) if length > lead.bytes_max => Err(LeaveCause::NotKept),
        _ => Ok((i64::from(kept.fresh_s) - i64::from(kept.age_s), key)),
    }
}

/// Passes the next part of the body of a response on to the cache, where its stream leads.
pub(crate) fn pass_on(stream: &mut Stream, bytes: &[u8], shared: &mut Shared) {
    let Some(lead) = stream.cached.as_ref().and_then(|cached| cached.lead).filter(|lead| lead.is_kept) else { return };
    let Some(cache) = &mut shared.cache else { return };
    let mut parts = bytes.chunks(fosse_wire::cache::DATA_BYTES_MAX);
    if !parts.all(|bytes| cache.pass_on(&ToCache::Data { tag: lead.tag, bytes })) {
        leave(stream, LeaveCause::Failed, shared);
    }
}

/// Tells the cache that all of a response has come, where its stream leads.
pub(crate) fn end(stream: &mut Stream, shared: &mut Shared) {
    let Some(lead) = stream.cached.as_mut().and_then(|cached| cached.lead.take()) else { return };
    if let Some(cache) = &mut shared.cache {
        cache.pass_on(&ToCache::End { tag: lead.tag });
    }
}

/// Tells the cache that nothing is to be kept of a response, where its stream leads.
pub(crate) fn leave(stream: &mut Stream, cause: LeaveCause, shared: &mut Shared) {
    let Some(lead) = stream.cached.as_mut().and_then(|cached| cached.lead.take()) else { return };
    if let Some(cache) = &mut shared.cache {
        cache.leave(lead.tag, cause);
    }
}
