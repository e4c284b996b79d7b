//! A request before it goes on: whether what it asks for is kept.

use fosse_caching::{Directives, Reply, State, Stored, reply, state};
use fosse_counters::dispatch as count;
use fosse_settings::CachePolicy;
use fosse_wire::{
    cache::{FromCache, Terms},
    cursor::Cursor,
    fields::Fields,
    request::{BodyLength, RequestHead},
};

use super::{
    cached::{Cached, Status, now_s, terms},
    client::Cache,
    key,
};
use crate::{
    context::{Context, Shared},
    exchange::{Outcome, stream::Stream},
};

/// The content of the memory for a request.
enum Found {
    /// Nothing that it could use.
    Nothing,
    /// Something for requests with other fields.
    ForOthers,
    /// Something that has to be made fresh before.
    Stale,
    /// This.
    Usable(Reply, Status),
}

/// Looks for the response to a request. Returns what is to be done where that is known; else the
/// request goes on, and notes what it has to do with the cache on its way.
pub(crate) fn admit(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    policy: &CachePolicy,
    context: &mut Context<'_>,
) -> Option<Outcome> {
    let Shared { cache, ahead, .. } = &mut *context.shared;
    let cache = cache.as_mut()?;
    if !matches!(head.method, b"GET" | b"HEAD") {
        stream.cached = Some(Box::new(of_other_method(head, policy)));
        return None;
    }
    let wanted = Directives::of(head.fields.all(b"cache-control"));
    let source = stream.source();
    let mut pass = |status| {
        stream.cached = Some(Box::new(Cached { status, ..Cached::default() }));
        wanted.only_if_cached.then_some(Outcome::Respond(504))
    };
    if passes_by(head, policy) || key::write(&mut cache.key, head, policy).is_err() {
        return pass(Status::Bypass);
    }
    if wanted.no_store {
        return pass(Status::Request);
    }
    let found = find(cache, head, policy, &wanted);
    let terms = terms(policy, policy.cache_authorized && is_authorized(head));
    match found {
        Found::ForOthers => pass(Status::VaryMiss),
        Found::Usable(..) if cache.record.len() > ahead.room(source) => pass(Status::Bypass),
        Found::Usable(reply, status) => {
            cache.reply = (reply, status);
            if status == Status::Stale {
                let key = std::mem::take(&mut cache.key);
                cache.ask(None, (source, head.site, head.policy, false), terms, &key);
                cache.key = key;
            }
            context.counters.add(if status == Status::Stale { count::CACHE_STALE } else { count::CACHE_HITS }, 1);
            Some(Outcome::RespondKept)
        }
        Found::Nothing | Found::Stale if wanted.only_if_cached => Some(Outcome::Respond(504)),
        Found::Nothing | Found::Stale => {
            stream.cached = Some(Box::new(to_ask(cache.key.clone(), head, terms, &wanted)));
            None
        }
    }
}

/// Looks for what the memory has for the key that was made last.
fn find(cache: &mut Cache, head: &RequestHead<'_>, policy: &CachePolicy, wanted: &Directives) -> Found {
    let hash = cache.reader.hash(&cache.key);
    let is_there = hash.is_some_and(|hash| cache.reader.find(hash, &mut cache.record).is_some());
    match Stored::decode(&cache.record) {
        Ok(stored) if is_there && stored.key == cache.key.as_slice() && !cache.has_changed(&cache.key) => {
            judge(&stored, head, policy, wanted)
        }
        _ => Found::Nothing,
    }
}

/// Notes what is asked for, for a request for which the memory has nothing.
fn to_ask(key: Vec<u8>, head: &RequestHead<'_>, terms: Terms, wanted: &Directives) -> Cached {
    let mut fields = Vec::new();
    // They came in a frame, so they fit one.
    let _ = fosse_wire::fields::put(&mut fields, head.fields);
    let validate = wanted.no_cache || wanted.max_age.is_some() || wanted.min_fresh.is_some();
    Cached { status: Status::Miss, key, fields, terms, site: head.site, validate, ..Cached::default() }
}

/// Takes the reply for a stream. Returns what is to be done.
pub(crate) fn replied(
    stream: &mut Stream,
    reply_of_cache: Option<FromCache>,
    policy: &CachePolicy,
    context: &mut Context<'_>,
) -> Outcome {
    let Some(cached) = &mut stream.cached else { return Outcome::Continue };
    let fields = std::mem::take(&mut cached.fields);
    cached.tag = 0;
    let fields = Fields::decode(&mut Cursor::new(&fields)).unwrap_or_default();
    let Shared { cache: Some(cache), ahead, .. } = &mut *context.shared else { return Outcome::Connect };
    let Some(FromCache::Found { place, hash, collapsed, validated, stale, .. }) = reply_of_cache else {
        context.counters.add(count::CACHE_PASSED, 1);
        return Outcome::Connect;
    };
    let is_there = cache.reader.read(place, hash, &mut cache.record);
    let Some(stored) = Stored::decode(&cache.record).ok().filter(|_| is_there) else { return Outcome::Connect };
    if !is_for(&stored, fields, policy) {
        cached.status = Status::VaryMiss;
        return Outcome::Connect;
    }
    if cache.record.len() > ahead.room(fosse_source::Source::of(&stream.client.addr)) {
        return Outcome::Connect;
    }
    let status = match (stale, validated) {
        (true, _) => Status::StaleOnError,
        (false, true) => Status::Validated { collapsed },
        (false, false) => Status::Stored { collapsed },
    };
    cache.reply = (reply(&stored, fields.into_iter(), stream.to_head), status);
    context.counters.add(if collapsed { count::CACHE_COLLAPSED } else { count::CACHE_MISSES }, 1);
    Outcome::RespondKept
}

/// Notes that the head of a stream's response has come from its server: what is kept of its target
/// is forgotten where the request has changed it (RFC 9111, section 4.4).
pub(crate) fn note_head(stream: &mut Stream, status: u16, context: &mut Context<'_>) {
    let Some(cached) = stream.cached.as_mut().filter(|cached| cached.changes) else { return };
    if (200..400).contains(&status)
        && let Some(cache) = &mut context.shared.cache
    {
        cache.forget(std::mem::take(&mut cached.key));
        cached.changes = false;
    }
}

/// Returns what a request of another method has to do with the cache: where it is not safe (RFC
/// 9110, section 9.2.1), what is kept of its target is not true any more afterwards.
fn of_other_method(head: &RequestHead<'_>, policy: &CachePolicy) -> Cached {
    let mut cached = Cached { status: Status::Method, ..Cached::default() };
    cached.changes = !matches!(head.method, b"OPTIONS" | b"TRACE") && key::write(&mut cached.key, head, policy).is_ok();
    cached
}

/// Returns whether a request passes the cache by: its response may be for its user alone, it has a
/// body, it waits for another protocol, or its conditions are for its application (RFC 9111,
/// section 4.3.2).
fn passes_by(head: &RequestHead<'_>, policy: &CachePolicy) -> bool {
    let has = |name: &'static [u8]| head.fields.all(name).next().is_some();
    !matches!(head.body, BodyLength::None | BodyLength::Exact(0))
        || !head.upgrade.is_empty()
        || is_authorized(head) && !policy.cache_authorized
        || has(b"cookie") && policy.cache_key_cookies.is_none()
        || has(b"if-match")
        || has(b"if-unmodified-since")
}

fn is_authorized(head: &RequestHead<'_>) -> bool {
    head.fields.all(b"authorization").next().is_some()
}

fn judge(stored: &Stored<'_>, head: &RequestHead<'_>, policy: &CachePolicy, wanted: &Directives) -> Found {
    if !is_for(stored, head.fields, policy) {
        return Found::ForOthers;
    }
    let status = match state(stored, wanted, now_s()) {
        State::Fresh => Status::Hit,
        State::StaleWhileRevalidate => Status::Stale,
        State::StaleIfError | State::Stale => return Found::Stale,
    };
    Found::Usable(reply(stored, head.fields.into_iter(), head.method == b"HEAD"), status)
}

/// Returns whether a kept response is one for a request with these fields (RFC 9111, section 4.1):
/// those that it varies by are in the key, or the request has none of them, as the one that it is a
/// response to.
fn is_for(stored: &Stored<'_>, fields: Fields<'_>, policy: &CachePolicy) -> bool {
    let absent = |name: &[u8]| !fields.into_iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
    stored.varies_by().all(|name| key::has_field(policy, name) || absent(name))
}
