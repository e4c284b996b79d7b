//! An ask of a lane, and the reply.

use std::time::{SystemTime, UNIX_EPOCH};

use fosse_eventloop::slab::Key;
use fosse_source::Source;
use fosse_wire::{
    cache::{FromCache, Terms, ToCache},
    fields::Fields,
};

use crate::fill::Waiter;

/// A reply to a lane.
pub(crate) type News = (Key, FromCache);

/// A request of a lane for a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) waiter: Waiter,
    pub(crate) validate: bool,
    pub(crate) terms: Terms,
    pub(crate) source: Source,
    pub(crate) configuration: u64,
    pub(crate) site: u32,
    pub(crate) policy: u32,
    pub(crate) key: &'a [u8],
    /// Fields besides those of the key.
    pub(crate) fields: Fields<'a>,
}

impl<'a> Ask<'a> {
    /// Returns the ask that a message of a lane is; `None` for another message.
    pub(crate) fn of(peer: Key, message: &ToCache<'a>) -> Option<Self> {
        let ToCache::Ask { tag, validate, way, terms, wide, source, configuration, site, policy, key, fields } =
            *message
        else {
            return None;
        };
        let (waiter, source) = (Waiter { peer, tag, way }, Source::of_parts(wide, source));
        Some(Self { waiter, validate, terms, source, configuration, site, policy, key, fields })
    }
}

/// The time of a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) ms: u64,
    pub(crate) time: SystemTime,
}

impl Now {
    pub(crate) fn seconds(self) -> u64 {
        self.time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
