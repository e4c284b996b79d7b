//! What parse says to accept, to dispatch beside the ring, and to start, and what they say to it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use fosse_counters as count;
use fosse_fdpass::Received;
use fosse_wire::channel::{self, BATCH_FDS_MAX, Connection};
use fosse_wire::direct;
use fosse_wire::start::{self, ToChild, ToStart};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;

use crate::client::forget;
use crate::serve::Server;

/// Connections in one CLOSED or OPEN message.
const RECORDS_MAX: usize = 200;

impl Server {
    /// New connections from accept, or its question what is held.
    pub(crate) fn take_connections(&mut self) {
        let mut bytes = [0u8; channel::MESSAGE_BYTES_MAX];
        let mut fds: Vec<OwnedFd> = Vec::new();
        while let Some(accept) = &self.side.accept {
            let message = match fosse_fdpass::receive(accept, &mut bytes, &mut fds) {
                Ok(Received::Message(length)) => {
                    channel::decode(bytes.get(..length).unwrap_or_default(), fds.len()).ok()
                }
                Ok(Received::Nothing) => return,
                Ok(Received::End) => None,
                // A message that was cut (no descriptor free) leaves connections nobody knows of: only a new lane puts
                // accept's counts right.
                Err(errno) => {
                    self.broken = Some(("unable to take connections", errno));
                    return;
                }
            };
            match message {
                Some(message) if message.kind == channel::Kind::Connections => {
                    for (record, fd) in message.connections.into_iter().zip(fds.drain(..)) {
                        self.take_connection(record, fd);
                    }
                }
                Some(message) if message.kind == channel::Kind::List => self.list(),
                // accept is gone, or speaks nonsense: no new connections, the ones we have are served to their end.
                _ => self.lose_accept(),
            }
        }
    }

    /// Until its normal end a connection ends in a reset, whatever kills this process: a part of an answer never looks whole.
    fn take_connection(&mut self, record: Connection, fd: OwnedFd) {
        if !record.unix && set_socket_linger(&fd, Some(core::time::Duration::ZERO)).is_err() {
            self.closed.push(record);
            return;
        }
        match self.table.insert(record, fd, &self.lane) {
            // The request is usually there before the connection is: looking at once saves a turn.
            Some(slot) => {
                self.read(slot);
                self.mark(slot);
            }
            None => self.closed.push(record),
        }
    }

    fn lose_accept(&mut self) {
        if let Some(accept) = self.side.accept.take() {
            let _ = self.turn.remove(&accept);
        }
        self.open = None;
        self.closed.clear();
    }

    /// Everything that is held, for an accept that has been started anew.
    fn list(&mut self) {
        let mut open = Vec::new();
        for slot in 0..self.table.slots() {
            if let Some(entry) = self.table.get_mut(slot)
                && entry.fd.is_some()
            {
                open.push(entry.conn.record);
            }
        }
        self.open = Some(open);
    }

    /// OPEN, batched, an empty one behind the last; false where accept cannot take more now.
    fn tell_open(&mut self) -> bool {
        let mut bytes = Vec::new();
        while let (Some(accept), Some(open)) = (&self.side.accept, &mut self.open) {
            let count = open.len().min(RECORDS_MAX);
            channel::encode(&mut bytes, channel::Kind::Open, open.get(..count).unwrap_or_default());
            match fosse_fdpass::send(accept, &bytes, &[]) {
                Ok(()) if count == 0 => self.open = None,
                Ok(()) => drop(open.drain(..count)),
                Err(Errno::AGAIN) => return false,
                Err(_) => self.lose_accept(),
            }
        }
        true
    }

    /// CLOSED, batched; what accept cannot take now it gets in a later turn.
    pub(crate) fn tell_accept(&mut self) {
        // The end of a connection comes behind the word that it is there.
        if !self.tell_open() {
            return;
        }
        let Some(accept) = &self.side.accept else { return self.closed.clear() };
        let mut bytes = Vec::new();
        while !self.closed.is_empty() {
            let count = self.closed.len().min(RECORDS_MAX);
            channel::encode(&mut bytes, channel::Kind::Closed, self.closed.get(..count).unwrap_or_default());
            match fosse_fdpass::send(accept, &bytes, &[]) {
                Ok(()) => drop(self.closed.drain(..count)),
                Err(Errno::AGAIN) => return,
                Err(_) => return self.lose_accept(),
            }
        }
    }

    /// Which sockets dispatch no longer needs.
    pub(crate) fn tell_dispatch(&mut self) {
        let Some(direct) = &self.side.direct else { return self.ended.clear() };
        let mut bytes = Vec::new();
        while !self.ended.is_empty() {
            let count = self.ended.len().min(direct::BATCH_MAX);
            direct::encode(&mut bytes, self.ended.get(..count).unwrap_or_default());
            match fosse_fdpass::send(direct, &bytes, &[]) {
                Ok(()) => drop(self.ended.drain(..count)),
                // A dead dispatch shows at the ring.
                Err(_) => return,
            }
        }
    }

    /// Idle connections go back to accept, which finds them another lane; without accept they end.
    pub(crate) fn return_idle(&mut self) {
        let mut batch = Vec::new();
        for slot in 0..self.table.slots() {
            if self.side.accept.is_none() && self.table.get_mut(slot).is_some_and(|entry| entry.conn.is_idle()) {
                self.close_clean(slot);
            }
            if self.table.get_mut(slot).is_some_and(|entry| entry.fd.is_some() && entry.conn.is_idle()) {
                batch.push(slot);
            }
            if batch.len() >= BATCH_FDS_MAX && !self.return_batch(&mut batch) {
                return;
            }
        }
        let _ = self.return_batch(&mut batch);
    }

    /// Sends one batch; false where accept cannot take it now.
    fn return_batch(&mut self, batch: &mut Vec<u32>) -> bool {
        let Self { table, side, turn, ended, .. } = self;
        let Some(accept) = &side.accept else { return false };
        let mut taken: Vec<(u32, Connection, OwnedFd, bool)> = Vec::new();
        for slot in batch.drain(..) {
            if let Some(entry) = table.get_mut(slot)
                && let Some(fd) = entry.fd.take()
            {
                forget(turn, entry.known, &fd);
                entry.known = false;
                entry.armed = fosse_eventloop::Interest::empty();
                taken.push((slot, entry.conn.record, fd, entry.lent));
            }
        }
        if taken.is_empty() {
            return true;
        }
        let records: Vec<Connection> = taken.iter().map(|(_, record, _, _)| *record).collect();
        let fds: Vec<BorrowedFd<'_>> = taken.iter().map(|(_, _, fd, _)| fd.as_fd()).collect();
        let mut bytes = Vec::new();
        channel::encode(&mut bytes, channel::Kind::Return, &records);
        let sent = fosse_fdpass::send(accept, &bytes, &fds).is_ok();
        drop(fds);
        for (slot, record, fd, lent) in taken {
            if sent {
                if lent {
                    ended.push(record.id);
                }
                table.remove(slot);
            } else if let Some(entry) = table.get_mut(slot) {
                entry.fd = Some(fd);
                entry.dirty = true;
                self.dirty.push(slot);
            }
        }
        sent
    }

    /// What start wants.
    pub(crate) fn take_orders(&mut self) {
        let mut bytes = [0u8; start::MESSAGE_BYTES];
        let mut fds = Vec::new();
        while let Some(start) = &self.side.start {
            let order = match fosse_fdpass::receive(start, &mut bytes, &mut fds) {
                Ok(Received::Message(length)) => ToChild::decode(bytes.get(..length).unwrap_or_default(), fds.len()),
                Ok(Received::Nothing) => return,
                Ok(Received::End) | Err(_) => {
                    self.broken = Some(("start is gone", Errno::CONNRESET));
                    return;
                }
            };
            if order == Ok(ToChild::Drain) {
                self.lane.draining = true;
                self.lane.counters.set(count::DRAINING, 1);
                self.drain_deadline_ms = self.lane.after(self.lane.settings.blob.drain_seconds_max);
            }
        }
    }

    /// Tells start how things are; without start there is nobody to tell.
    pub fn tell_start(&self, message: ToStart) {
        if let Some(start) = &self.side.start {
            let _ = fosse_fdpass::send(start, &message.encode(), &[]);
        }
    }
}
