//! One response that is asked for, to be kept.

use fosse_caching::{Kept, Stored, conditions};
use fosse_eventloop::slab::Key;
use fosse_source::Source;
use fosse_wire::{
    Outbox, StreamId, WireError,
    cache::{FromCache, Terms, Way, key::Key as CacheKey},
    cursor::Cursor,
    fields::{Fields, FieldsWriter},
    frame::ResetReason,
    request::RequestHead,
};

/// A request that waits for a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    /// The lane.
    pub(crate) peer: Key,
    /// Its number of the request; 0 where it wants no reply.
    pub(crate) tag: u32,
    /// The way to what is not kept.
    pub(crate) way: Way,
}

/// The one who asks the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// The cache, over a stream of its own dispatch.
    Own(StreamId),
    /// A lane, for its request of that number.
    Lane(Key, u32),
}

impl Asker {
    /// Has it stop asking. Returns the word for it where it is a lane.
    pub(crate) fn stop(self, reason: ResetReason, out: &mut Outbox) -> Option<(Key, FromCache)> {
        match self {
            Self::Own(id) => {
                out.reset(id, reason);
                None
            }
            Self::Lane(peer, tag) => Some((peer, FromCache::Enough { tag })),
        }
    }
}

/// The head of a response that is kept once its body is whole.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// An encoded list.
    pub(crate) fields: Vec<u8>,
    pub(crate) kept: Kept,
    pub(crate) validated: bool,
}

impl Head {
    /// Returns the fields.
    pub(crate) fn decoded(&self) -> Fields<'_> {
        Fields::decode(&mut Cursor::new(&self.fields)).unwrap_or_default()
    }
}

/// A fill.
#[derive(Debug)]
pub(crate) struct Fill {
    pub(crate) key: Vec<u8>,
    pub(crate) hash: u64,
    pub(crate) target: u64,
    pub(crate) terms: Terms,
    pub(crate) source: Source,
    pub(crate) waiters: Vec<Waiter>,
    /// The time at which it began.
    pub(crate) since_ms: u64,
    /// `None` before a head that is to be kept has come.
    pub(crate) head: Option<Head>,
    pub(crate) body: Vec<u8>,
    /// The record that is kept so far, if there is one.
    pub(crate) before: Option<Vec<u8>>,
}

/// The request of a fill: the head that is its key, and whose configuration it belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) site: u32,
    pub(crate) policy: u32,
    pub(crate) request: u64,
    /// Fields besides those of the key.
    pub(crate) fields: Fields<'a>,
}

impl Asked<'_> {
    /// Appends the head of the request: what is in the key, the fields besides, and the conditions
    /// by which `before` is confirmed.
    ///
    /// # Errors
    /// [`WireError`] for a key that is no head.
    pub(crate) fn encode(&self, before: Option<&Stored<'_>>, out: &mut Vec<u8>) -> Result<(), WireError> {
        let key = CacheKey::decode(self.key)?;
        RequestHead { site: self.site, policy: self.policy, request: self.request, ..key.head }.encode_fixed(out)?;
        let mut fields = FieldsWriter::new(out);
        key.fields().chain(self.fields).try_for_each(|(name, value)| fields.push(name, value))?;
        before.into_iter().flat_map(conditions).try_for_each(|(name, value)| fields.push(name, value))?;
        fields.finish();
        Ok(())
    }
}
