//! The connections of the lane, and which of them have something to be written.

use std::os::fd::OwnedFd;

use fosse_deadlines::after;
use fosse_front::context::Context;
use fosse_front::encoded::Streams;
use fosse_front::response::{Way, late};
use fosse_front::settings::Settings;
use fosse_http2::Scratch;
use fosse_source::Source;
use fosse_source::relief::Waiting;
use fosse_stage::{Gone, Output};
use fosse_wire::Frame;
use fosse_wire::channel::Connection;

use crate::client::Client;
use crate::limit::Limit;
use crate::slots::Slots;

/// All clients by index, and the slots of their streams.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    all: Vec<Option<Box<Client>>>,
    free: Vec<u32>,
    /// Number of the user of each index: an event for an earlier one is not for this one.
    epochs: Vec<u32>,
    /// Clients that are flushed at the end of this turn.
    queue: Vec<u32>,
    /// Slots with bytes that rates keep back.
    pub(crate) paced: Vec<u32>,
    pub(crate) slots: Slots,
    pub(crate) scratch: Scratch,
}

/// Bits of an event token that are the index; the epoch is above them, below the bit that marks the
/// tokens of all other descriptors.
const INDEX_BITS: u32 = 32;
const EPOCH_MASK: u32 = 0x7fff_ffff;

impl Clients {
    /// Adds a connection. Returns its index.
    pub(crate) fn insert(&mut self, record: Connection, fd: OwnedFd, context: &Context) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.all.push(None);
                self.epochs.push(0);
                u32::try_from(self.all.len() - 1).ok()?
            }
        };
        let at = usize::try_from(index).ok()?;
        self.epochs[at] = self.epochs[at].wrapping_add(1) & EPOCH_MASK;
        let token = u64::from(self.epochs[at]) << INDEX_BITS | u64::from(index);
        self.all[at] = Some(Box::new(Client::new(record, fd, token, context)));
        Some(index)
    }

    /// Returns a client.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Client> {
        self.all.get_mut(usize::try_from(index).ok()?)?.as_deref_mut()
    }

    /// Returns a client for people.
    pub(crate) fn known(&self, index: u32) -> Option<&Client> {
        self.all.get(usize::try_from(index).ok()?)?.as_deref()
    }

    /// Returns the index that the token of an event names; `None` where the socket has been closed
    /// since epoll reported it.
    pub(crate) fn of_token(&self, token: u64) -> Option<u32> {
        let index = u32::try_from(token & u64::from(u32::MAX)).ok()?;
        self.known(index).filter(|client| client.token() == token).map(|_| index)
    }

    /// Does something with a client and all that it needs beside, and queues it. Returns what that
    /// gives.
    pub(crate) fn with<T>(
        &mut self,
        index: u32,
        act: impl FnOnce(&mut Client, &mut Slots, &mut Scratch) -> T,
    ) -> Option<T> {
        let client = self.all.get_mut(usize::try_from(index).ok()?)?.as_deref_mut()?;
        if !client.queued {
            client.queued = true;
            self.queue.push(index);
        }
        Some(act(client, &mut self.slots, &mut self.scratch))
    }

    /// Returns a client and the slots of all.
    pub(crate) fn split(&mut self, index: u32) -> Option<(&mut Slots, &mut Client)> {
        let client = self.all.get_mut(usize::try_from(index).ok()?)?.as_deref_mut()?;
        Some((&mut self.slots, client))
    }

    /// Takes a client that is queued off the queue.
    pub(crate) fn next_queued(&mut self) -> Option<u32> {
        let index = self.queue.pop()?;
        if let Some(client) = self.at(index) {
            client.queued = false;
        }
        Some(index)
    }

    /// Removes a client. Its streams have been aborted; their slots stay until the ring has ended
    /// them.
    pub(crate) fn remove(&mut self, index: u32) {
        let client = usize::try_from(index).ok().and_then(|at| self.all.get_mut(at)).and_then(Option::take);
        if let Some(client) = client {
            for slot in client.slots() {
                if let Some(slot) = self.slots.at(slot) {
                    slot.owner = None;
                }
                let _ = self.slots.release_if_over(slot);
            }
            self.free.push(index);
        }
    }

    /// Frees a slot whose exchange is over, and with it the place of its stream.
    pub(crate) fn release_slot(&mut self, index: u32) {
        if let Some(owner) = self.slots.release_if_over(index) {
            self.with(owner.client, |client, _, _| client.release_place(owner.place));
        }
    }

    /// Returns the indices of all clients.
    pub(crate) fn indices(&self) -> Vec<u32> {
        (0..).zip(&self.all).filter(|(_, client)| client.is_some()).map(|(index, _)| index).collect()
    }

    /// Returns the number of indices there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of clients.
    pub(crate) const fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Returns what accept knows of all clients but those of fosse-tls, which has their sockets.
    pub(crate) fn records(&self) -> Vec<Connection> {
        let direct = self.all.iter().flatten().filter(|client| client.caller.tls.is_none());
        direct.map(|client| client.caller.record).collect()
    }

    /// Returns the clients that wait for a request.
    pub(crate) fn waiting(&self, settings: &Settings) -> impl Iterator<Item = Waiting> {
        (0u32..).zip(&self.all).filter_map(move |(index, client)| {
            let client = client.as_ref()?;
            let limit = client.timer.kind().filter(|limit| matches!(limit, Limit::Head | Limit::Idle))?;
            let since_ms = client.timer.at_ms()? - after(0, limit.time(settings));
            let source = Source::of(&client.caller.origin.client.addr);
            client.is_idle().then_some(Waiting { index, source, since_ms })
        })
    }
}

impl Streams for Clients {
    #[inline]
    fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        way: Way,
        context: &mut Context,
        output: &mut Output,
    ) -> Result<(), Gone> {
        let index = u32::try_from(context.slots.place(frame.stream)).unwrap_or(u32::MAX);
        let Some(slot) = self.slots.at(index) else { return Ok(late(frame.kind)?) };
        let out = &mut output.outbox;
        let Some(owner) = slot.owner else {
            // Its client is gone, and nobody hears what it says: only its end.
            let mut nobody = fosse_front::caller::Caller::new(Connection::default(), context);
            slot.stream.hear(frame, way, &mut nobody, context, out)?;
            let _ = self.slots.release_if_over(index);
            return Ok(());
        };
        let heard = self.with(owner.client, |client, slots, _| {
            // If a frame breaks this process, its last sign of life names the connection.
            context.counters.work_on(client.caller.record.id, 0);
            client.on_frame(frame, (index, owner.place), way, slots, context, out)
        });
        heard.unwrap_or(Ok(()))?;
        if let Some(slot) = self.slots.at(index)
            && !slot.held.is_empty()
            && !core::mem::replace(&mut slot.is_paced, true)
        {
            self.paced.push(index);
        }
        self.release_slot(index);
        Ok(())
    }
}
