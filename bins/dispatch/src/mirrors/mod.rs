//! Copies of requests for mirrors, each with a connection of its own. Nothing waits for one: it is
//! made of bytes that have gone out, takes what room there is, and is dropped by whatever goes
//! wrong with it.

mod exchange;
mod lane;

use std::collections::HashMap;

use fosse_eventloop::slab::Key;
use fosse_settings::Mirror;
use fosse_source::{Budget, Source};
use fosse_wire::StreamId;

use crate::limits::{MIRROR_BYTES_MAX, MIRROR_COPIES_MAX, MIRROR_SLOT_FIRST};

/// All copies of the lane, and what they share.
#[derive(Debug)]
pub(crate) struct Mirrors {
    /// By slot, counted from the first one that no request has.
    copies: Vec<Option<Box<Copied>>>,
    /// The next id of each slot.
    ids: Vec<StreamId>,
    /// Bytes of requests that are copied.
    bytes: Budget,
    /// For each policy, hundredths of a copy that are due.
    due: HashMap<usize, u32>,
}

/// A request that has gone out whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Original<'a> {
    pub(crate) source: Source,
    /// Its number.
    pub(crate) request: u64,
    /// Its bytes.
    pub(crate) out: &'a [u8],
    /// The method is HEAD.
    pub(crate) to_head: bool,
    /// Time at which it had gone out, in microseconds.
    pub(crate) sent_us: u64,
}

/// A copy of a request.
#[derive(Debug)]
pub(crate) struct Copied {
    /// The number by which upstream knows it.
    pub(crate) id: StreamId,
    source: Source,
    /// Number of the request.
    pub(crate) request: u64,
    /// Index of the backend that gets it.
    pub(crate) backend: usize,
    /// The request, as its application has been sent it.
    pub(crate) out: Vec<u8>,
    /// Number of these bytes that are sent.
    pub(crate) out_sent: usize,
    /// The method is HEAD.
    pub(crate) to_head: bool,
    /// Its connection.
    pub(crate) connection: Option<Key>,
    /// The end of what it waits for, in milliseconds.
    pub(crate) until_ms: u64,
    /// Time at which all of it had gone out, in microseconds; before, that of the request.
    pub(crate) sent_us: u64,
}

impl Copied {
    /// Returns whether all of it has gone out.
    pub(crate) const fn is_sent(&self) -> bool {
        self.out_sent >= self.out.len()
    }
}

impl Default for Mirrors {
    fn default() -> Self {
        Self { copies: Vec::new(), ids: Vec::new(), bytes: Budget::new(MIRROR_BYTES_MAX), due: HashMap::new() }
    }
}

impl Mirrors {
    /// Returns whether the next request of a policy is one of those that are copied.
    pub(crate) fn is_next(&mut self, policy: usize, mirror: Mirror) -> bool {
        let due = self.due.entry(policy).or_default();
        *due += mirror.percent;
        let is_next = *due >= 100;
        *due -= if is_next { 100 } else { 0 };
        is_next
    }

    /// Copies a request; `None` where there is no room for it.
    pub(crate) fn copy(&mut self, of: Original<'_>, mirror: Mirror) -> Option<Copied> {
        let (source, length) = (of.source, of.out.len());
        if self.bytes.room(source) < length {
            return None;
        }
        let slot = self.copies.iter().position(Option::is_none).unwrap_or(self.copies.len());
        let id = match self.ids.get(slot) {
            Some(id) => *id,
            None if slot < MIRROR_COPIES_MAX => StreamId::first(MIRROR_SLOT_FIRST + u32::try_from(slot).ok()?)?,
            None => return None,
        };
        self.bytes.add(source, length);
        if slot == self.copies.len() {
            self.copies.push(None);
            self.ids.push(id);
        }
        self.ids[slot] = id.next();
        Some(Copied {
            id,
            source,
            request: of.request,
            backend: usize::try_from(mirror.backend).unwrap_or(usize::MAX),
            out: of.out.to_vec(),
            out_sent: 0,
            to_head: of.to_head,
            connection: None,
            until_ms: 0,
            sent_us: of.sent_us,
        })
    }

    /// Keeps a copy until its next event.
    pub(crate) fn keep(&mut self, copied: Copied) {
        let slot = slot(copied.id);
        self.copies[slot] = Some(Box::new(copied));
    }

    /// Takes a copy out, to go on with it.
    pub(crate) fn take(&mut self, id: StreamId) -> Option<Copied> {
        let copy = self.copies.get_mut(slot(id))?;
        copy.take_if(|copied| copied.id == id).map(|copied| *copied)
    }

    /// Forgets a copy that is taken out.
    pub(crate) fn forget(&mut self, copied: &Copied) {
        self.bytes.sub(copied.source, copied.out.len());
    }

    /// Returns the copies whose time is over.
    pub(crate) fn overdue(&self, now_ms: u64) -> Vec<StreamId> {
        let is_over = |copied: &&Copied| copied.until_ms <= now_ms;
        self.copies.iter().flatten().map(|copied| &**copied).filter(is_over).map(|copied| copied.id).collect()
    }
}

/// Returns the slot of a copy; one beyond all for what is none.
fn slot(id: StreamId) -> usize {
    id.slot().checked_sub(usize::try_from(MIRROR_SLOT_FIRST).unwrap_or(usize::MAX)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_spread_evenly_and_each_policy_has_its_own() {
        let mut mirrors = Mirrors::default();
        let mut of =
            |policy, percent| (0..200).filter(|_| mirrors.is_next(policy, Mirror { backend: 0, percent })).count();
        assert_eq!([of(0, 100), of(1, 50), of(2, 1), of(3, 33)], [200, 100, 2, 66]);
        let mut mirrors = Mirrors::default();
        let turns: Vec<bool> = (0..8).map(|_| mirrors.is_next(0, Mirror { backend: 0, percent: 25 })).collect();
        assert_eq!(turns, [false, false, false, true, false, false, false, true]);
    }

    #[test]
    fn what_no_copy_has_as_its_number_is_none() {
        let mut mirrors = Mirrors::default();
        for id in [StreamId::first(0), StreamId::first(MIRROR_SLOT_FIRST), Some(StreamId::from_raw(u32::MAX))] {
            assert!(mirrors.take(id.unwrap()).is_none());
        }
        assert!(mirrors.overdue(u64::MAX).is_empty());
    }
}
