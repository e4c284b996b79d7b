//! The connections by slot. A slot is the stream slot of its connection's exchanges and is used again only after the ring has
//! answered the last of them.

use std::os::fd::OwnedFd;

use fosse_eventloop::Interest;
use fosse_wire::StreamId;
use fosse_wire::channel::Connection;

use crate::conn::Conn;
use crate::lane::Lane;

/// A connection with its socket.
#[derive(Debug)]
pub struct Entry {
    /// The state.
    pub conn: Conn,
    /// The socket; none once the client is gone.
    pub fd: Option<OwnedFd>,
    /// epoll knows the socket.
    pub known: bool,
    /// What it watches for.
    pub armed: Interest,
    /// Bytes came that nobody wants now: they stay in the socket, which must not be watched for them.
    pub unwelcome: bool,
    /// dispatch holds a copy of the socket.
    pub lent: bool,
    /// It waits for this turn's flush.
    pub dirty: bool,
    /// The event token.
    pub token: u64,
}

/// Ten thousand idle connections shall cost no more than a few MiB.
const _: () = assert!(size_of::<Entry>() <= 1024);

#[derive(Debug)]
struct Slot {
    /// The id before the next one.
    stream: StreamId,
    /// Counts the users of the slot: an event for an earlier one is not for this one.
    epoch: u32,
    entry: Option<Box<Entry>>,
}

/// All connections.
#[derive(Debug, Default)]
pub struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// Bits of an event token that hold the slot; the epoch is above them, below the bit that marks other tokens.
const SLOT_BITS: u32 = 32;
const EPOCH_MASK: u32 = 0x7fff_ffff;

impl Table {
    /// Takes a connection on; `None` where there is no slot left.
    pub fn insert(&mut self, record: Connection, fd: OwnedFd, lane: &Lane) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                let stream = StreamId::first(index)?;
                self.slots.push(Slot { stream, epoch: 0, entry: None });
                index
            }
        };
        let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
        slot.epoch = slot.epoch.wrapping_add(1) & EPOCH_MASK;
        let token = (u64::from(slot.epoch) << SLOT_BITS) | u64::from(index);
        let conn = Conn::new(record, slot.stream, lane);
        slot.entry = Some(Box::new(Entry {
            conn,
            fd: Some(fd),
            known: false,
            armed: Interest::empty(),
            unwelcome: false,
            lent: false,
            dirty: false,
            token,
        }));
        Some(index)
    }

    /// The entry of a slot.
    #[must_use]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.slots.get_mut(usize::try_from(index).ok()?)?.entry.as_deref_mut()
    }

    /// The slot an event token names, if its connection is still the same.
    #[must_use]
    pub fn by_token(&self, token: u64) -> Option<u32> {
        let index = u32::try_from(token & u64::from(u32::MAX)).ok()?;
        let slot = self.slots.get(usize::try_from(index).ok()?)?;
        slot.entry.as_ref().filter(|entry| entry.token == token).map(|_| index)
    }

    /// Frees a slot; its next stream id follows the last one.
    pub fn remove(&mut self, index: u32) {
        let Some(slot) = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at)) else { return };
        if let Some(entry) = slot.entry.take() {
            slot.stream = entry.conn.stream;
            self.free.push(index);
        }
    }

    /// One more than the highest slot in use or freed.
    #[must_use]
    pub fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// How many connections there are, those that only wait for the ring included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// There is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
