//! One session with fosse-store: what is sent, what is received, and who waits. It ends with the
//! first thing that is wrong.

use std::{collections::VecDeque, os::fd::OwnedFd};

use fosse_eventloop::{EventLoop, Interest, clock_ms};
use fosse_seclang::{Collection, Record, RecordAddress};
use fosse_wire::{
    Inbox, StreamId,
    session::Heard,
    store::{FromStore, ToStore, split},
};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::limits::{CHANGES_BYTES_MAX, RECORD_WAIT_MS_MAX};

/// A record, or the empty one in its place.
#[derive(Debug)]
pub(crate) struct Provided {
    /// The stream that waits for it.
    pub(crate) stream: StreamId,
    pub(crate) collection: Collection,
    /// The record; empty where none came.
    pub(crate) record: Record,
}

/// A LOAD without its RECORD.
#[derive(Clone, Copy, Debug)]
struct Load {
    tag: u32,
    collection: Collection,
    /// The stream that waits; `None` once it has waited long enough.
    stream: Option<StreamId>,
    until_ms: u64,
}

/// The socket to fosse-store, and the state of both directions.
#[derive(Debug)]
pub(crate) struct Connection {
    fd: OwnedFd,
    inbox: Inbox,
    heard: Heard,
    outgoing: Outgoing,
    /// LOADs in the order in which they were sent: RECORDs come in the same.
    loads: VecDeque<Load>,
    next_tag: u32,
    /// A RECORD has not come in time, and none has come since.
    is_silent: bool,
    /// SAVEs sent, modulo 2^32, as KEPT counts them.
    saves: u32,
    /// The store keeps no record, as of the last KEPT.
    is_empty: bool,
    /// The reason why nothing more is read.
    end: Option<String>,
}

impl Connection {
    /// Begins a session; `None` where a greeting cannot be encoded, which does not happen.
    pub(crate) fn new(fd: OwnedFd) -> Option<Self> {
        let mut outgoing = Outgoing::default();
        ToStore::Hello.encode(&mut outgoing.bytes).ok()?;
        Some(Self {
            fd,
            inbox: Inbox::default(),
            heard: Heard::Nothing,
            outgoing,
            loads: VecDeque::new(),
            next_tag: 0,
            is_silent: false,
            saves: 0,
            is_empty: false,
            end: None,
        })
    }

    /// Watches the socket.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn watch(&self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        event_loop.add(&self.fd, token, Interest::IN)
    }

    /// Ends the session; returns empty records for all who wait.
    pub(crate) fn close(mut self, event_loop: &EventLoop) -> Vec<Provided> {
        // Closing the descriptor would do, were it not for copies that the sender may still have.
        let _ = event_loop.remove(&self.fd);
        self.give_up()
    }

    /// Tells whether a LOAD would bring an empty record.
    pub(crate) const fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Tells whether a RECORD has not come in time, and none has come since.
    pub(crate) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    /// Sends a LOAD for a stream, which waits from now on; false where there is no room for it or
    /// it cannot be encoded.
    pub(crate) fn load(&mut self, place: RecordAddress<'_>, stream: StreamId) -> bool {
        let tag = self.next_tag;
        let is_sent = self.outgoing.push(&ToStore::Load { tag, place });
        if is_sent {
            self.next_tag = tag.wrapping_add(1);
            let until_ms = clock_ms().saturating_add(RECORD_WAIT_MS_MAX);
            self.loads.push_back(Load { tag, collection: place.collection, stream: Some(stream), until_ms });
        }
        is_sent
    }

    /// Sends a SAVE, after which the store may keep something; false where there is no room for it.
    pub(crate) fn save(&mut self, save: &ToStore<'_>) -> bool {
        let is_sent = self.outgoing.push(save);
        if is_sent {
            self.saves = self.saves.wrapping_add(1);
            self.is_empty = false;
        }
        is_sent
    }

    /// Returns when the stream that has waited longest has waited long enough.
    pub(crate) fn deadline_ms(&self) -> Option<u64> {
        self.loads.iter().find(|load| load.stream.is_some()).map(|load| load.until_ms)
    }

    /// Takes the store as silent; returns empty records for all who wait.
    pub(crate) fn give_up(&mut self) -> Vec<Provided> {
        self.is_silent = true;
        let waiting = self.loads.iter_mut().filter_map(|load| Some((load.stream.take()?, load.collection)));
        waiting.map(|(stream, collection)| Provided { stream, collection, record: Record::default() }).collect()
    }

    /// Reads once; appends the records that are complete. After the end, which
    /// [`Connection::take_end`] gives, nothing is read.
    pub(crate) fn read(&mut self, records: &mut Vec<Provided>) {
        if self.end.is_none() {
            self.end = self.receive(records).err();
        }
    }

    /// Takes the reason why the session ended, if it did.
    pub(crate) const fn take_end(&mut self) -> Option<String> {
        self.end.take()
    }

    /// Writes what waits, once, and watches for room if some of it is left.
    ///
    /// # Errors
    /// As epoll_ctl(2).
    pub(crate) fn flush(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        let was_blocked = self.outgoing.is_blocked;
        self.outgoing.write(&self.fd);
        if self.outgoing.is_blocked == was_blocked {
            return Ok(());
        }
        let interest = if was_blocked { Interest::IN } else { Interest::IN | Interest::OUT };
        event_loop.modify(&self.fd, token, interest)
    }

    fn receive(&mut self, records: &mut Vec<Provided>) -> Result<(), String> {
        match recv(&self.fd, self.inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err("it closed the session".into()),
            Ok((length, _)) => self.inbox.filled(length),
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.to_string()),
        }
        while let Some(message) = self.inbox.next_of(split).map_err(|error| error.to_string())? {
            let message = FromStore::decode(message).map_err(|error| error.to_string())?;
            self.heard = self.heard.after(message == FromStore::Hello).map_err(|error| error.to_string())?;
            let (tag, record) = match message {
                FromStore::Hello => continue,
                FromStore::Kept { some, saves } => {
                    // A SAVE that it had not seen when it said so may have changed that.
                    self.is_empty = !some && saves == self.saves;
                    continue;
                }
                FromStore::Record { tag, record } => (tag, record),
            };
            // A LOAD whose RECORD did not come stays in the list until the session ends, so every
            // later one is out of order and ends it.
            let load = self.loads.pop_front_if(|load| load.tag == tag).ok_or("a record that was not asked for")?;
            if let Some(stream) = load.stream {
                records.push(Provided { stream, collection: load.collection, record });
            }
        }
        self.is_silent &= !self.loads.is_empty();
        Ok(())
    }
}

/// Messages that wait to be written.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    sent: usize,
    /// The socket did not take all.
    is_blocked: bool,
}

impl Outgoing {
    /// Appends a message; false where too many bytes wait already or it cannot be encoded.
    fn push(&mut self, message: &ToStore<'_>) -> bool {
        self.bytes.len() - self.sent < CHANGES_BYTES_MAX && message.encode(&mut self.bytes).is_ok()
    }

    fn write(&mut self, fd: &OwnedFd) {
        if self.sent < self.bytes.len() {
            // An error here is the end of the session, which reading finds too, after what came
            // before.
            let pending = &self.bytes[self.sent..];
            if let Ok(length) = send(fd, pending, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                self.sent += length;
            }
            if self.sent == self.bytes.len() {
                self.bytes.clear();
                self.sent = 0;
            }
        }
        self.is_blocked = !self.bytes.is_empty();
    }
}
