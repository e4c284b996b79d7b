//! An ask of a lane, and the reply.

use std::time::{SystemTime, UNIX_EPOCH};

use fosse_eventloop::slab::Key;
use fosse_source::Source;
use fosse_wire::cache::{FromCache, Terms};

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
