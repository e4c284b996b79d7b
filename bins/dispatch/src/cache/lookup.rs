//! A request before it goes on: whether what it asks for is kept.

use fosse_caching::{Directives, reply};
use fosse_counters::dispatch as count;
use fosse_http1::ResponseHead;
use fosse_settings::CachePolicy;
use fosse_source::Source;
use fosse_wire::{
    cache::{FromCache, Terms, Way, key::is_variant},
    cursor::Cursor,
    fields::Fields,
    request::{BodyLength, RequestHead},
};

use super::{
    cached::{Cached, Lead, Status, terms},
    client::Cache,
    confirm,
    find::{BodyWay, Found, find, turn, varied},
    key,
    variant::{Variant, variant},
    whole,
};
use crate::{
    context::{Context, Shared},
    exchange::{Outcome, clients::Clients, stream::Stream},
};

/// Looks for the response to a request. Returns what is to be done where that is known; else the
/// request goes on, and notes what it has to do with the cache on its way.
pub(crate) fn admit(
    stream: &mut Stream,
    head: &RequestHead<'_>,
    policy: &CachePolicy,
    clients: &Clients,
    context: &mut Context<'_>,
) -> Option<Outcome> {
    let Shared { cache, ahead, .. } = &mut *context.shared;
    let cache = cache.as_mut()?;
    if !matches!(head.method, b"GET" | b"HEAD") {
        stream.cached = Some(Box::new(of_other_method(head, policy)));
        return None;
    }
    let wanted = Directives::of(head.fields.all(b"cache-control"));
    let (source, credit, of_body) = (stream.source(), stream.credit, BodyWay::of(stream, head, clients));
    let mut pass = |status| {
        stream.cached = Some(Box::new(Cached { status, ..Cached::default() }));
        wanted.only_if_cached.then_some(Outcome::Respond(504))
    };
    match passes_by(head, policy) || key::write(&mut cache.key, head, policy).is_err() {
        true => return pass(Status::Bypass),
        false if wanted.no_store => return pass(Status::Request),
        false => {}
    }
    let found = find(cache, of_body, (head.fields, head.method == b"HEAD"), policy, &wanted);
    let terms = terms(policy, policy.cache_authorized && is_authorized(head));
    match found {
        Found::ForOthers => pass(Status::VaryMiss),
        Found::Usable(..) if !cache.fits(credit, ahead.room(source)) => pass(Status::Bypass),
        Found::Usable(reply, status) => {
            cache.reply = (reply, status);
            if status == Status::Stale {
                make_fresh(cache, head, policy, (source, terms));
            }
            context.counters.add(if status == Status::Stale { count::CACHE_STALE } else { count::CACHE_HITS }, 1);
            Some(Outcome::RespondKept)
        }
        Found::Nothing | Found::Marker | Found::Stale if wanted.only_if_cached => Some(Outcome::Respond(504)),
        Found::Nothing | Found::Marker | Found::Stale => {
            stream.cached = Some(Box::new(to_ask(&cache.key, head, policy, (&found, terms, &wanted))));
            None
        }
    }
}

/// Has what was found made fresh, while it is used.
fn make_fresh(cache: &mut Cache, head: &RequestHead<'_>, policy: &CachePolicy, (source, terms): (Source, Terms)) {
    let key = std::mem::take(&mut cache.key);
    let varied = varied(&key);
    let more = if whole::may_lead(head, policy, varied) { more(head, policy, varied) } else { Vec::new() };
    let fields = Fields::decode(&mut Cursor::new(&more)).unwrap_or_default();
    cache.ask(None, (source, head.site, head.policy), (false, Way::Cache), terms, (&key, fields));
    cache.key = key;
}

/// Returns the fields with which the application may be asked besides those of its key for a
/// request that may lead.
fn more(head: &RequestHead<'_>, policy: &CachePolicy, varied: Fields<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // They came in a frame, so they fit one.
    let _ = whole::more(&mut out, head.fields, (policy, varied));
    out
}

/// Notes what is asked for, for a request for which the memory has nothing.
fn to_ask(
    key: &[u8],
    head: &RequestHead<'_>,
    policy: &CachePolicy,
    (found, terms, wanted): (&Found, Terms, &Directives),
) -> Cached {
    let (varied, is_marker) = (varied(key), matches!(found, Found::Marker));
    let may_lead = whole::may_lead(head, policy, varied);
    // Where nothing is kept, this lane asks, or whoever asked before it.
    let way = way(head, policy, may_lead);
    let is_asked = may_lead && way != Way::Lane && matches!(found, Found::Stale);
    let more = if is_asked { more(head, policy, varied) } else { Vec::new() };
    let mut fields = Vec::new();
    // They came in a frame, so they fit one.
    let _ = fosse_wire::fields::put(&mut fields, head.fields);
    Cached {
        status: if is_marker || is_variant(key) { Status::VaryMiss } else { Status::Miss },
        key: key.to_vec(),
        asks: true,
        fields,
        terms,
        site: head.site,
        validate: wanted.no_cache || wanted.max_age.is_some() || wanted.min_fresh.is_some() || is_marker,
        way,
        more,
        ..Cached::default()
    }
}

/// Takes the reply for a stream, or word that there is none. Returns what is to be done.
pub(crate) fn replied(
    stream: &mut Stream,
    reply: Option<FromCache>,
    policy: &CachePolicy,
    context: &mut Context<'_>,
) -> Outcome {
    let is_confirmed = stream.cached.as_ref().is_some_and(|cached| cached.instead.is_some());
    match follow(stream, reply, policy, context) {
        // It has been asked for: the application has said that what was kept holds.
        Outcome::Connect | Outcome::AskCache if is_confirmed => confirm::instead(stream, context),
        outcome => outcome,
    }
}

fn follow(
    stream: &mut Stream,
    reply_of_cache: Option<FromCache>,
    policy: &CachePolicy,
    context: &mut Context<'_>,
) -> Outcome {
    let Some(cached) = &mut stream.cached else { return Outcome::Continue };
    cached.tag = 0;
    let list = std::mem::take(&mut cached.fields);
    if let Some(FromCache::Lead { tag, bytes_max, confirms }) = reply_of_cache {
        (cached.fields, cached.lead) = (list, Some(Lead { tag, bytes_max, is_kept: false }));
        confirms.into_iter().for_each(|kept| confirm::ask(stream, kept, context));
        return Outcome::Connect;
    }
    cached.key = Vec::new();
    let fields = Fields::decode(&mut Cursor::new(&list)).unwrap_or_default();
    let Shared { cache: Some(cache), ahead, .. } = &mut *context.shared else { return Outcome::Connect };
    let Some(FromCache::Found { place, hash, collapsed, validated, stale, from_disk, .. }) = reply_of_cache else {
        context.counters.add(count::CACHE_PASSED, 1);
        return Outcome::Connect;
    };
    let is_there = cache.read(place, hash);
    let Some(stored) = cache.stored().filter(|_| is_there) else { return Outcome::Connect };
    match variant(stored.key, policy, stored.varies_by(), fields) {
        Variant::This if !stored.is_marker() => {}
        variant => {
            let key = stored.key.to_vec();
            return turn(stream, (key, variant), &list, policy, context);
        }
    }
    if !cache.fits(stream.credit, ahead.room(fosse_source::Source::of(&stream.client.addr))) {
        return Outcome::Connect;
    }
    let status = match (from_disk, stale, validated) {
        (true, ..) => Status::HitOnDisk,
        (_, true, _) => Status::StaleOnError,
        (_, _, true) => Status::Validated { collapsed },
        _ => Status::Stored { collapsed, varied: cached.status == Status::VaryMiss },
    };
    cache.reply = (reply(&stored, fields.into_iter(), stream.to_head), status);
    context.counters.add(counter(from_disk, collapsed), 1);
    Outcome::RespondKept
}

/// Returns the counter of a response that the cache has found.
const fn counter(from_disk: bool, collapsed: bool) -> usize {
    match (from_disk, collapsed) {
        (true, _) => count::CACHE_HITS,
        (_, true) => count::CACHE_COLLAPSED,
        _ => count::CACHE_MISSES,
    }
}

/// Notes that the cache wants no more of the response of a stream that leads.
pub(crate) fn stop_leading(stream: &mut Stream) {
    if let Some(cached) = &mut stream.cached {
        cached.lead = None;
    }
}

/// Notes that the head of a stream's response has come from its server: what is kept of its target
/// is forgotten where the request has changed it, and so is what Location and Content-Location name
/// (RFC 9111, section 4.4).
pub(crate) fn note_head(stream: &mut Stream, head: &ResponseHead<'_>, context: &mut Context<'_>) {
    let Some(cached) = stream.cached.as_mut().filter(|cached| cached.changes) else { return };
    if (200..400).contains(&head.status)
        && let Some(cache) = &mut context.shared.cache
    {
        let key = std::mem::take(&mut cached.key);
        for field in head.fields.iter().filter(|field| field.is("location") || field.is("content-location")) {
            key::of_reference(&key, field.value).into_iter().for_each(|named| cache.forget(named));
        }
        cache.forget(key);
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
    let has = |name: &[u8]| head.fields.has(name);
    !matches!(head.body, BodyLength::None | BodyLength::Exact(0))
        || !head.upgrade.is_empty()
        || is_authorized(head) && !policy.cache_authorized
        || has(b"cookie") && policy.cache_key_cookies.is_none()
        || has(b"if-match")
        || has(b"if-unmodified-since")
}

/// Returns the way to a response that is not kept. One that may have no body is none to keep.
fn way(head: &RequestHead<'_>, policy: &CachePolicy, may_lead: bool) -> Way {
    let has = |name: &[u8]| head.fields.has(name);
    let may_have_no_body = head.method == b"HEAD" || has(b"if-none-match") || has(b"if-modified-since");
    match may_lead {
        _ if policy.cache_key_only => Way::Cache,
        _ if may_have_no_body => Way::None,
        true => Way::Lane,
        false => Way::Cache,
    }
}

fn is_authorized(head: &RequestHead<'_>) -> bool {
    head.fields.has(b"authorization")
}
