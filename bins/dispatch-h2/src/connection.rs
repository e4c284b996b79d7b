//! One connection to a server: its socket, the protocol's state, and whose its streams are.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_eventloop::slab::Key;
use fosse_http2::{Client, OUTPUT_BYTES_FULL};

use crate::limits::{LIST_BYTES_MAX, PONG_MS_MAX, SETTINGS_MS_MAX};
use crate::socket::Socket;

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) client: Client,
    /// Index into the table of servers.
    pub(crate) server: usize,
    /// Bytes of the server that mean nothing yet: less than one frame.
    pub(crate) input: Vec<u8>,
    /// The exchange at each place.
    exchanges: Vec<Option<Key>>,
    /// Exchanges whose body waits for room, in the order in which they began to.
    pub(crate) blocked: Vec<Key>,
    /// Number of times that the server has said something.
    pub(crate) heard: u64,
    /// Time since which no stream is open.
    idle_since_ms: u64,
    /// Time by which the server has to say something, where it owes that.
    due_ms: Option<u64>,
    /// It has output that is to be written in this turn.
    pub(crate) is_dirty: bool,
}

impl Connection {
    pub(crate) fn new(fd: OwnedFd, server: usize, now_ms: u64) -> Self {
        Self {
            socket: Socket::new(fd),
            client: Client::new(LIST_BYTES_MAX),
            server,
            input: Vec::new(),
            exchanges: Vec::new(),
            blocked: Vec::new(),
            heard: 0,
            idle_since_ms: now_ms,
            due_ms: Some(now_ms + SETTINGS_MS_MAX),
            is_dirty: false,
        }
    }

    /// Returns whether a stream can be opened now.
    pub(crate) fn has_room(&self) -> bool {
        self.client.has_room() && !self.client.awaits_pong()
    }

    /// Returns whether it may have room for a stream later.
    pub(crate) fn may_have_room(&self) -> bool {
        !self.client.is_leaving()
    }

    /// Notes whose a stream is.
    pub(crate) fn put(&mut self, place: usize, exchange: Key) {
        if self.exchanges.len() <= place {
            self.exchanges.resize(place + 1, None);
        }
        self.exchanges[place] = Some(exchange);
    }

    /// Returns whose a stream is.
    pub(crate) fn exchange_at(&self, place: usize) -> Option<Key> {
        self.exchanges.get(place).copied().flatten()
    }

    /// Returns the exchanges of all streams.
    pub(crate) fn exchanges(&self) -> Vec<Key> {
        self.exchanges.iter().copied().flatten().collect()
    }

    /// Gives a place back; a stream that still lives is ended.
    pub(crate) fn release(&mut self, place: usize, now_ms: u64) {
        if let Some(exchange) = self.exchanges.get_mut(place).and_then(Option::take) {
            self.blocked.retain(|blocked| *blocked != exchange);
        }
        self.client.release(place);
        if self.client.live() == 0 {
            self.idle_since_ms = now_ms;
        }
    }

    /// Notes what the server still owes, once what it has said was looked at.
    pub(crate) fn settle_debts(&mut self) {
        if self.client.is_agreed() && !self.client.awaits_pong() {
            self.due_ms = None;
        }
    }

    /// Asks the server for a sign of life, as a stream was given up on which nothing was heard.
    pub(crate) fn doubt(&mut self, now_ms: u64) {
        self.client.ping();
        self.due_ms.get_or_insert(now_ms + PONG_MS_MAX);
    }

    /// Returns whether the server has kept silent where it may not.
    pub(crate) fn is_overdue(&self, now_ms: u64) -> bool {
        self.due_ms.is_some_and(|due_ms| now_ms >= due_ms)
    }

    /// Returns whether it has been idle for that time, or is of no use any more.
    pub(crate) fn is_done(&self, now_ms: u64, idle_ms: u64) -> bool {
        self.client.live() == 0 && (self.client.is_leaving() || now_ms - self.idle_since_ms >= idle_ms)
    }

    /// Writes what is to be written. Returns false where the server is gone.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) -> bool {
        self.is_dirty = false;
        let output = self.client.output();
        if !output.is_empty() {
            match self.socket.write(output) {
                Ok(written) => self.client.advance(written),
                Err(_) => return false,
            }
        }
        let blocked = !self.client.output().is_empty();
        // A server that does not read what it has caused is not read either.
        self.socket.watch(self.client.output().len() < 2 * OUTPUT_BYTES_FULL, blocked, event_loop);
        true
    }
}
