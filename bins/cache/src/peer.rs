//! A lane as the cache knows it: its messages, and the replies that wait for it.

use std::os::fd::OwnedFd;

use fosse_session::{Replies, Socket};
use fosse_wire::{Inbox, WireError, cache::FromCache, session::Heard};

use crate::limits::REPLIES_BYTES_MAX;

/// A lane and its socket.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: Socket,
    pub(crate) lane: u32,
    /// Bytes that have been read from it.
    pub(crate) inbox: Inbox,
    pub(crate) heard: Heard,
    /// Replies that wait for it.
    pub(crate) replies: Replies,
}

impl Peer {
    /// Makes a lane that has sent nothing yet; the HELLO is queued for it.
    ///
    /// # Errors
    /// None is expected: a HELLO always fits.
    pub(crate) fn new(fd: OwnedFd, lane: u32) -> Result<Self, WireError> {
        let mut replies = Replies::new(REPLIES_BYTES_MAX);
        FromCache::Hello.encode(&mut replies.bytes)?;
        Ok(Self { socket: Socket::new(fd), lane, inbox: Inbox::default(), heard: Heard::Nothing, replies })
    }
}
