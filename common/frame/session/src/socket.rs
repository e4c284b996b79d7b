//! The socket of a filter: reading, writing, and what it is watched for.

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::{Inbox, WireError};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::Replies;

/// The reason a conversation ends.
#[derive(Debug)]
pub enum Disconnect {
    /// The filter's lane is over.
    End,
    /// It broke the protocol, or its socket failed.
    Broken(String),
}

impl From<Errno> for Disconnect {
    fn from(errno: Errno) -> Self {
        Self::Broken(errno.to_string())
    }
}

impl From<WireError> for Disconnect {
    fn from(error: WireError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// A socket that leads to a filter.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    watched: Interest,
}

impl Socket {
    /// Takes over a descriptor.
    #[must_use]
    pub const fn new(fd: OwnedFd) -> Self {
        Self { fd, watched: Interest::empty() }
    }

    /// Begins to watch it, for room too: the HELLO is queued already, and no event but that would
    /// send it.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn begin(&mut self, event_loop: &EventLoop, token: u64) -> Result<(), Errno> {
        self.watched = Interest::IN | Interest::OUT;
        event_loop.add(&self.fd, token, self.watched)
    }

    /// Reads once, unless the filter does not read its replies.
    ///
    /// # Errors
    /// The reason the conversation ends.
    pub fn read(&self, inbox: &mut Inbox, replies: &Replies) -> Result<(), Disconnect> {
        if replies.is_full() {
            return Ok(());
        }
        match recv(&self.fd, inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => return Err(Disconnect::End),
            Ok((length, _)) => inbox.filled(length),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Writes what is queued, once, and watches for room while something is, and for bytes unless
    /// the queue is full.
    ///
    /// # Errors
    /// The reason the conversation ends.
    pub fn write(&mut self, replies: &mut Replies, event_loop: &EventLoop, token: u64) -> Result<(), Disconnect> {
        // The inbox may hold more messages. They came with bytes that are read already, so that no
        // event for reading will bring them up: an event for room does, once there is some.
        let stopped = replies.is_full();
        if !replies.pending().is_empty() {
            match send(&self.fd, replies.pending(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(length) => replies.advance(length),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Disconnect::End),
                Err(errno) => return Err(errno.into()),
            }
        }
        self.watch(stopped, replies, event_loop, token)
    }

    fn watch(
        &mut self,
        stopped: bool,
        replies: &Replies,
        event_loop: &EventLoop,
        token: u64,
    ) -> Result<(), Disconnect> {
        let mut wanted = Interest::empty();
        wanted.set(Interest::OUT, stopped || !replies.pending().is_empty());
        wanted.set(Interest::IN, !replies.is_full());
        if wanted != self.watched {
            event_loop.modify(&self.fd, token, wanted)?;
            self.watched = wanted;
        }
        Ok(())
    }

    /// Stops watching it; where that fails it was not watched.
    pub fn end(&self, event_loop: &EventLoop) {
        let _ = event_loop.remove(&self.fd);
    }
}
