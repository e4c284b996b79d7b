//! The clients by slot. A slot is one of the stream slots that this front has, counted from 0: that
//! of its connection's exchanges. It is used again only after the ring has ended the last of them.

use std::os::fd::OwnedFd;

use fosse_source::Source;
use fosse_wire::StreamId;
use fosse_wire::channel::Connection;

use crate::client::{Client, Flushed};
use crate::conn::Conn;
use crate::socket::Socket;
use fosse_front::context::Context;
use fosse_front::settings::Settings;
use fosse_source::relief::Waiting;

#[derive(Debug)]
struct Slot {
    /// The last stream of the client before; a new client's first one follows it.
    stream: StreamId,
    /// Number of the user of this slot: an event for an earlier one is not for this one.
    epoch: u32,
    client: Option<Box<Client>>,
}

/// All clients, and which of them are to be flushed.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots to be flushed in this turn.
    queue: Vec<u32>,
    /// Slots whose socket could not be lent yet.
    lease_blocked: Vec<u32>,
    /// Slots that were idle when they were flushed last, once the drain has begun: another lane may
    /// take them on. Looking for them costs nothing where nothing happens.
    idle: Option<Vec<u32>>,
}

/// The consequence of a visit to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visited {
    /// Nothing, or its end.
    Done,
    /// A flush at the end of this turn.
    Flush,
}

/// Bits of an event token that are the slot; the epoch is above them, below the bit that marks the
/// tokens of all other descriptors.
const SLOT_BITS: u32 = 32;
const EPOCH_MASK: u32 = 0x7fff_ffff;

impl Table {
    /// Adds a connection and queues it. Returns `None` where there is no slot left.
    pub(crate) fn insert(
        &mut self,
        record: Connection,
        fd: OwnedFd,
        context: &Context,
    ) -> Option<(&mut Conn, &mut Socket)> {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.slots.len()).ok()?;
                let stream = context.slots.first(index)?;
                self.slots.push(Slot { stream, epoch: 0, client: None });
                index
            }
        };
        let slot = self.slots.get_mut(usize::try_from(index).ok()?)?;
        slot.epoch = slot.epoch.wrapping_add(1) & EPOCH_MASK;
        let token = (u64::from(slot.epoch) << SLOT_BITS) | u64::from(index);
        let conn = Conn::new(record, slot.stream, context);
        let client = Client { conn, socket: Some(Socket::new(fd, token)), queued: true };
        self.queue.push(index);
        slot.client.insert(Box::new(client)).with_socket()
    }

    /// Returns the client of a slot.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Client> {
        self.slots.get_mut(usize::try_from(index).ok()?)?.client.as_deref_mut()
    }

    /// Returns the client of a slot and queues it. `None` where the slot is free.
    pub(crate) fn queued(&mut self, index: u32) -> Option<&mut Client> {
        let client = self.slots.get_mut(usize::try_from(index).ok()?)?.client.as_deref_mut()?;
        enqueue(&mut self.queue, client, index);
        Some(client)
    }

    /// Returns the connection and socket that an event token names and queues them. `None` where
    /// the socket has been closed since epoll reported it.
    pub(crate) fn queued_by_token(&mut self, token: u64) -> Option<(&mut Conn, &mut Socket)> {
        let index = u32::try_from(token & u64::from(u32::MAX)).ok()?;
        let client = self.slots.get_mut(usize::try_from(index).ok()?)?.client.as_deref_mut()?;
        if client.socket.as_ref()?.token() != token {
            return None;
        }
        enqueue(&mut self.queue, client, index);
        client.with_socket()
    }

    /// Flushes what is queued. One that fosse-dispatch could not take is queued for the next turn.
    pub(crate) fn flush(&mut self, context: &mut Context, mut flush: impl FnMut(&mut Client, &mut Context) -> Flushed) {
        self.queue.append(&mut self.lease_blocked);
        let drains = self.idle.is_some();
        while let Some(index) = self.queue.pop().or_else(|| context.source_rates.next_woken()) {
            // One that was blocked may have left its slot since then.
            let Some(client) = self.get_mut(index) else { continue };
            client.queued = false;
            let flushed = flush(client, context);
            let is_idle = drains && client.conn.is_idle();
            if client.is_over() {
                self.remove(index);
                continue;
            }
            if let Some(idle) = self.idle.as_mut().filter(|_| is_idle) {
                idle.push(index);
            }
            if flushed == Flushed::LeaseBlocked {
                self.lease_blocked.push(index);
            }
        }
    }

    /// Visits every client; one that is over then leaves its slot.
    pub(crate) fn visit(&mut self, mut visit: impl FnMut(&mut Client) -> Visited) {
        for (index, _) in (0..).zip(0..self.slots.len()) {
            self.visit_slot(index, &mut visit);
        }
    }

    /// Visits the client of a slot, where there is one, in the same way.
    pub(crate) fn visit_slot(&mut self, index: u32, visit: impl FnOnce(&mut Client) -> Visited) {
        let slot = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at));
        let Some(client) = slot.and_then(|slot| slot.client.as_deref_mut()) else { return };
        if visit(client) == Visited::Flush {
            enqueue(&mut self.queue, client, index);
        } else if client.is_over() {
            self.remove(index);
        }
    }

    /// Returns the end of the limit that the client of a slot waits with, in milliseconds.
    pub(crate) fn limited_until_ms(&self, index: u32) -> Option<u64> {
        self.slots.get(usize::try_from(index).ok()?)?.client.as_ref()?.conn.timer.at_ms()
    }

    /// Returns the connection of a slot, as long as its client is there.
    pub(crate) fn connected(&self, index: u32) -> Option<&Conn> {
        let client = self.slots.get(usize::try_from(index).ok()?)?.client.as_ref()?;
        client.socket.is_some().then_some(&client.conn)
    }

    /// Frees a slot.
    pub(crate) fn remove(&mut self, index: u32) {
        let slot = usize::try_from(index).ok().and_then(|at| self.slots.get_mut(at));
        if let Some((slot, client)) = slot.and_then(|slot| slot.client.take().map(|client| (slot, client))) {
            slot.stream = client.conn.stream.id;
            self.free.push(index);
        }
    }

    /// Keeps account from now on of the clients that another lane can take on.
    pub(crate) fn watch_idle(&mut self) {
        let indexed = self.slots.iter().zip(0u32..);
        let idle = indexed.filter(|(slot, _)| slot.client.as_ref().is_some_and(|c| c.conn.is_idle()));
        self.idle = Some(idle.map(|(_, index)| index).collect());
    }

    /// Takes clients that another lane can take on, at most that number. One may be there twice.
    pub(crate) fn take_idle(&mut self, count_max: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        while taken.len() < count_max
            && let Some(index) = self.idle.as_mut().and_then(Vec::pop)
        {
            // It may have a request by now.
            if self.get_mut(index).is_some_and(|client| client.conn.is_idle()) {
                taken.push(index);
            }
        }
        taken
    }

    /// Returns the clients that wait for a request.
    pub(crate) fn waiting(&self, settings: &Settings) -> impl Iterator<Item = Waiting> {
        let indexed = self.slots.iter().zip(0u32..);
        indexed.filter_map(move |(slot, index)| {
            let conn = &slot.client.as_ref()?.conn;
            let since_ms = conn.waits_since_ms(settings)?;
            Some(Waiting { index, source: Source::of(&conn.caller.origin.client.addr), since_ms })
        })
    }

    /// Returns what accept knows of the clients that are still there, but for those of fosse-tls,
    /// which says so itself.
    pub(crate) fn records(&self) -> Vec<Connection> {
        let clients = self.slots.iter().filter_map(|slot| slot.client.as_ref());
        clients
            .filter(|client| client.socket.is_some() && client.conn.caller.tls.is_none())
            .map(|client| client.conn.caller.record)
            .collect()
    }

    /// Returns the number of slots, used or not.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of clients, those included that only wait for the ring.
    pub(crate) const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Returns whether there is no client.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn enqueue(queue: &mut Vec<u32>, client: &mut Client, index: u32) {
    if !client.queued {
        client.queued = true;
        queue.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::Phase;
    use fosse_counters::Counters;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn a_drain_looks_again_only_at_clients_that_were_flushed_since() {
        let (mut table, mut context) =
            (Table::default(), Context::new(crate::PROGRAM, Settings::plain(), Counters::private(), 0));
        for phase in [Phase::Head, Phase::Upgraded, Phase::Response] {
            let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
            let (conn, _) = table.insert(Connection::default(), pair.0, &context).unwrap();
            conn.phase = phase;
        }
        table.flush(&mut context, |_, _| Flushed::Done);
        assert_eq!(table.take_idle(9), [0_u32; 0], "nothing drains");
        table.watch_idle();
        assert_eq!(table.take_idle(9), [0]);
        for index in [0, 2] {
            table.get_mut(index).unwrap().conn.phase = Phase::Head;
        }
        assert_eq!(table.take_idle(9), [0_u32; 0], "nothing has happened on any of them");
        table.queued(2);
        table.flush(&mut context, |_, _| Flushed::Done);
        assert_eq!(table.take_idle(9), [2]);
        table.queued(2);
        table.flush(&mut context, |_, _| Flushed::Done);
        table.get_mut(2).unwrap().conn.phase = Phase::Response;
        assert_eq!(table.take_idle(9), [0_u32; 0], "it has a request again");
    }
}
