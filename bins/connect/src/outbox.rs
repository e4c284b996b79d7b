//! Messages to a peer, and those that its queue has no room for.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use fosse_eventloop::{EventLoop, Interest};
use rustix::io::Errno;

/// The way to a peer.
#[derive(Debug)]
pub(crate) struct Outbox {
    fd: OwnedFd,
    /// Token that the socket is watched with.
    token: u64,
    /// The readiness that it is watched for always; nothing where it is written only.
    always: Interest,
    armed: Interest,
    unsent: VecDeque<(Vec<u8>, Option<OwnedFd>)>,
}

impl Outbox {
    /// Takes over the descriptor, which is watched for `always`.
    pub(crate) fn new(fd: OwnedFd, token: u64, always: Interest, event_loop: &EventLoop) -> Self {
        let mut outbox = Self { fd, token, always, armed: Interest::empty(), unsent: VecDeque::new() };
        event_loop.rearm(&outbox.fd, token, &mut outbox.armed, always);
        outbox
    }

    /// Returns the number of messages that wait for room.
    pub(crate) fn len(&self) -> usize {
        self.unsent.len()
    }

    /// Sends a message. A burst has more of them than the queue has room for: what does not fit
    /// waits until the peer has read.
    ///
    /// # Errors
    /// Those of [`Outbox::flush`].
    pub(crate) fn send(&mut self, event_loop: &EventLoop, bytes: Vec<u8>, fd: Option<OwnedFd>) -> Result<(), Errno> {
        self.unsent.push_back((bytes, fd));
        if self.armed.contains(Interest::OUT) { Ok(()) } else { self.flush(event_loop) }
    }

    /// Sends what there is room for; the socket is watched while something is left.
    ///
    /// # Errors
    /// `PIPE` or `CONNRESET` where the peer is gone, otherwise what sendmsg(2) says.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) -> Result<(), Errno> {
        while let Some((bytes, fd)) = self.unsent.front() {
            let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
            match fosse_fdpass::send(&self.fd, bytes, &fds) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno),
            }
        }
        let mut wanted = self.always;
        wanted.set(Interest::OUT, !self.unsent.is_empty());
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
        Ok(())
    }

    /// Watches the socket no more.
    pub(crate) fn unwatch(&mut self, event_loop: &EventLoop) {
        event_loop.rearm(&self.fd, self.token, &mut self.armed, Interest::empty());
    }
}

impl AsFd for Outbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
