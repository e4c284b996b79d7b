//! A lane as the cache knows it: its messages, and the replies that wait for it.

use std::os::fd::OwnedFd;

use fosse_session::{Replies, Socket};
use fosse_wire::{
    Inbox, WireError,
    cache::{FromCache, ToCache},
    session::Heard,
    start::LANE_NONE,
};

use crate::limits::REPLIES_BYTES_MAX;

/// A lane, or fosse-status, and its socket.
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

/// Checks that a peer may send a message: lanes do not purge, and fosse-status, which is in none
/// and sends the orders of people, does nothing else.
///
/// # Errors
/// [`WireError::Field`] where it may not.
pub(crate) fn check(lane: u32, message: &ToCache<'_>) -> Result<(), WireError> {
    let is_allowed = match message {
        ToCache::Hello => true,
        ToCache::Purge { .. } => lane == LANE_NONE,
        ToCache::Ask { .. }
        | ToCache::Head { .. }
        | ToCache::Data { .. }
        | ToCache::End { .. }
        | ToCache::Leave { .. }
        | ToCache::Forget { .. } => lane != LANE_NONE,
    };
    if is_allowed { Ok(()) } else { Err(WireError::Field("message of another peer")) }
}
