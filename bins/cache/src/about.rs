//! The numbers that stand for what a response is about: they are on the disk, where they tell
//! nobody who does not have the disk's keys any host, target or tag.

use std::hash::Hasher as _;

use fosse_caching::Stored;
use fosse_http1::{members, trim};
use fosse_wire::{cache::key::Key, fields::Fields, request::RequestHead};
use siphasher::sip::SipHasher13;

use crate::disk::{About, of_tag, of_target};

/// Keys of the numbers.
pub(crate) type Keys = (u64, u64);

/// Returns the head of the request that a key is; an empty one for what is no key.
pub(crate) fn head_of(key: &[u8]) -> RequestHead<'_> {
    Key::decode(key).map(|key| key.head).unwrap_or_default()
}

/// Returns what a response is about.
pub(crate) fn of(keys: Keys, stored: &Stored<'_>) -> About {
    let head = head_of(stored.key);
    let (of_application, of_client) = targets(keys, stored.key);
    let tags = tags(stored.fields).fold(0, |all, tag| all | of_tag(keys, tag));
    let directories = of_target(keys, head.target) | of_target(keys, head.received_target());
    About { host: host(keys, head.host), targets: (of_application, of_client.unwrap_or(0)), marks: tags | directories }
}

/// Returns the numbers of the targets of a key: the application's, and the client's where that is
/// another one.
pub(crate) fn targets(keys: Keys, key: &[u8]) -> (u64, Option<u64>) {
    let head = head_of(key);
    let received = Some(head.received).filter(|received| !received.is_empty());
    (target(keys, head.host, head.target), received.map(|received| target(keys, head.host, received)))
}

/// Returns the number of host and target; never 0.
pub(crate) fn target(keys: Keys, host: &[u8], target: &[u8]) -> u64 {
    number(keys, &[b"target", host, b" ", target]).max(1)
}

/// Returns the number of a host.
pub(crate) fn host(keys: Keys, host: &[u8]) -> u32 {
    u32::try_from(number(keys, &[b"host", host]) >> 32).unwrap_or(0)
}

/// Returns the tags of a response: those of Cache-Tag have commas between them, those of
/// Surrogate-Key spaces.
pub(crate) fn tags(fields: Fields<'_>) -> impl Iterator<Item = &[u8]> {
    fields.into_iter().flat_map(|(name, value)| {
        let with_commas = Some(value).filter(|_| name.eq_ignore_ascii_case(b"cache-tag"));
        let with_spaces = Some(value).filter(|_| name.eq_ignore_ascii_case(b"surrogate-key"));
        let spaced = with_spaces.into_iter().flat_map(|value| value.split(|byte| *byte == b' ').map(trim));
        with_commas.into_iter().flat_map(members).chain(spaced)
    })
}

fn number(keys: Keys, parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(keys.0, keys.1);
    parts.iter().for_each(|part| hasher.write(part));
    hasher.finish()
}
