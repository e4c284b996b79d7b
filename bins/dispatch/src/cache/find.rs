//! What the memory has for a request: of a response that varies, the variant that it wants (RFC
//! 9111, section 4.1).

use fosse_arena::Found as Place;
use fosse_caching::{Directives, Reply, State, Stored, reply, state};
use fosse_counters::dispatch as count;
use fosse_settings::CachePolicy;
use fosse_wire::{
    cache::key::{Key, is_variant},
    cursor::Cursor,
    fields::Fields,
    request::RequestHead,
};

use super::{
    cached::{Status, now_s},
    client::Cache,
    variant::{Variant, variant},
};
use crate::{
    context::{Context, Shared},
    exchange::{Outcome, clients::Clients, stream::Stream},
    limits,
};

/// The content of the memory for a request.
pub(super) enum Found {
    /// Nothing that it could use.
    Nothing,
    /// Something for requests with other fields.
    ForOthers,
    /// Word of what its variants vary by, and not the one for requests that have nothing of it.
    Marker,
    /// Something that has to be made fresh before.
    Stale,
    /// This.
    Usable(Reply, Status),
}

/// The way in which a request gets a body that is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum BodyWay {
    /// None does: it is a HEAD.
    None,
    /// Copied: it is a part, or goes through the ring.
    Copied,
    /// Through a pipe where it has more bytes than this: then its client's socket is lent.
    Piped(usize),
}

impl BodyWay {
    pub(super) fn of(stream: &Stream, head: &RequestHead<'_>, clients: &Clients) -> Self {
        match () {
            () if head.fields.has(b"range") => Self::Copied,
            () if head.method == b"HEAD" => Self::None,
            () if stream.may_lease(clients) && !stream.wanted_coding.is_coded() => {
                Self::Piped(usize::try_from(stream.credit.max(limits::LEASE_BYTES_MIN)).unwrap_or(usize::MAX))
            }
            () => Self::Copied,
        }
    }

    /// Returns the number of bytes of a record that are copied to find out what a request gets.
    const fn first_bytes(self) -> usize {
        if matches!(self, Self::Copied) { usize::MAX } else { limits::KEPT_FIRST_BYTES_MAX }
    }
}

/// Looks for what the memory has for the key that was made last, and gets hold of it. Where that
/// varies, the key becomes that of the variant for the request, which is looked for as well.
pub(super) fn find(
    cache: &mut Cache,
    way: BodyWay,
    (fields, to_head): (Fields<'_>, bool),
    policy: &CachePolicy,
    wanted: &Directives,
) -> Found {
    let mut is_first = true;
    loop {
        let Some((hash, there, stored)) = cache.look_up(way.first_bytes()) else { return Found::Nothing };
        match variant(stored.key, policy, stored.varies_by(), fields) {
            Variant::This => {
                let found = judge(&stored, fields, to_head, wanted);
                return if gets_body(cache, way, (hash, there), &found) { found } else { Found::Nothing };
            }
            Variant::Of(key) if is_first => cache.key = key,
            Variant::Of(_) | Variant::None => return Found::ForOthers,
        }
        is_first = false;
    }
}

/// Gets hold of the body of what was found, where its request gets one and has no copy of it.
/// Returns false where it is gone.
fn gets_body(cache: &mut Cache, way: BodyWay, (hash, there): (u64, Place), found: &Found) -> bool {
    match (found, way) {
        (Found::Usable(Reply::Whole | Reply::Part(_), _), BodyWay::Piped(over)) => {
            cache.get_body(hash, there, cache.body_bytes > over)
        }
        _ => true,
    }
}

/// Returns the fields of the variant that a key is of.
pub(super) fn varied(key: &[u8]) -> Fields<'_> {
    // Of a key of ours.
    if is_variant(key) { Key::decode(key).unwrap_or_default().varied } else { Fields::default() }
}

/// Turns to the variant that a request wants of a response of which another one was found, whose
/// key was this. Returns what is to be done.
pub(super) fn turn(
    stream: &mut Stream,
    (key, variant): (Vec<u8>, Variant),
    list: &[u8],
    policy: &CachePolicy,
    context: &mut Context<'_>,
) -> Outcome {
    let (source, credit) = (stream.source(), stream.credit);
    let Some(cached) = &mut stream.cached else { return Outcome::Connect };
    let Shared { cache: Some(cache), ahead, .. } = &mut *context.shared else { return Outcome::Connect };
    cached.turns += 1;
    cached.status = Status::VaryMiss;
    let is_base = variant == Variant::This;
    cache.key = match variant {
        Variant::This if cached.turns <= limits::CACHE_TURNS_MAX => key,
        Variant::Of(key) if cached.turns <= limits::CACHE_TURNS_MAX => key,
        _ => return Outcome::Connect,
    };
    let fields = Fields::decode(&mut Cursor::new(list)).unwrap_or_default();
    let wanted = Directives::of(fields.all(b"cache-control"));
    match find(cache, BodyWay::Copied, (fields, stream.to_head), policy, &wanted) {
        Found::Usable(reply, Status::Hit) if cache.fits(credit, ahead.room(source)) => {
            cache.reply = (reply, Status::Hit);
            context.counters.add(count::CACHE_HITS, 1);
            return Outcome::RespondKept;
        }
        Found::ForOthers => return Outcome::Connect,
        _ => {}
    }
    cached.validate |= is_base;
    (cached.key, cached.fields) = (cache.key.clone(), list.to_vec());
    // They are of another key.
    cached.more = Vec::new();
    Outcome::AskCache
}

fn judge(stored: &Stored<'_>, fields: Fields<'_>, to_head: bool, wanted: &Directives) -> Found {
    if stored.is_marker() {
        return Found::Marker;
    }
    let status = match state(stored, wanted, now_s()) {
        State::Fresh => Status::Hit,
        State::StaleWhileRevalidate => Status::Stale,
        State::StaleIfError | State::Stale => return Found::Stale,
    };
    Found::Usable(reply(stored, fields.into_iter(), to_head), status)
}
