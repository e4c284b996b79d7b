//! The session with fosse-cache: messages out, replies in. It ends with the first thing that is
//! wrong.

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::{
    Inbox,
    cache::{FromCache, ToCache, split},
    session::Heard,
};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::limits;

/// The socket, and the state of both directions.
#[derive(Debug)]
pub(super) struct Session {
    fd: OwnedFd,
    inbox: Inbox,
    heard: Heard,
    out: Vec<u8>,
    is_blocked: bool,
    has_read: bool,
}

impl Session {
    pub(super) fn new(fd: OwnedFd) -> Self {
        let mut session = Self {
            fd,
            inbox: Inbox::default(),
            heard: Heard::Nothing,
            out: Vec::new(),
            is_blocked: false,
            has_read: false,
        };
        session.tell(&ToCache::Hello);
        session
    }

    pub(super) fn begin(&self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        event_loop.add(&self.fd, token, Interest::IN)
    }

    pub(super) fn end(self, event_loop: &EventLoop) {
        let _ = event_loop.remove(&self.fd);
    }

    /// Queues a question. Returns false where too much is queued already: the cache does not read.
    pub(super) fn send(&mut self, message: &ToCache<'_>) -> bool {
        self.out.len() <= limits::CACHE_QUEUE_BYTES_MAX && message.encode(&mut self.out).is_ok()
    }

    /// Queues an order, of which there are few: the cache hears it, however much is queued.
    pub(super) fn tell(&mut self, message: &ToCache<'_>) {
        // A key that was too long for a message would not have become one.
        let _ = message.encode(&mut self.out);
    }

    /// Returns the next reply that has come; `None` where that was all for now.
    ///
    /// # Errors
    /// The session is over: with the reason, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<FromCache>, Option<String>> {
        loop {
            match self.inbox.next_of(split) {
                Ok(Some(message)) => {
                    let reply = FromCache::decode(message).map_err(|error| Some(error.to_string()))?;
                    let heard = self.heard.after(reply == FromCache::Hello);
                    self.heard = heard.map_err(|error| Some(error.to_string()))?;
                    return Ok(Some(reply));
                }
                Ok(None) if self.has_read => {
                    self.has_read = false;
                    return Ok(None);
                }
                Ok(None) => self.read()?,
                Err(error) => return Err(Some(error.to_string())),
            }
        }
    }

    fn read(&mut self) -> Result<(), Option<String>> {
        self.has_read = true;
        match recv(&self.fd, self.inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => Err(None),
            Ok((length, _)) => {
                self.inbox.filled(length);
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(errno) => Err(Some(errno.to_string())),
        }
    }

    /// Writes what is queued, once. An end is found by the next read.
    pub(super) fn flush(&mut self, event_loop: &EventLoop, token: u64) {
        if self.out.is_empty() {
            return;
        }
        match send(&self.fd, &self.out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => drop(self.out.drain(..sent)),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.out.clear(),
        }
        if self.is_blocked == self.out.is_empty() {
            self.is_blocked = !self.out.is_empty();
            let wanted = if self.is_blocked { Interest::IN | Interest::OUT } else { Interest::IN };
            // Where the kernel refuses, the next turn writes as well.
            let _ = event_loop.modify(&self.fd, token, wanted);
        }
    }
}
