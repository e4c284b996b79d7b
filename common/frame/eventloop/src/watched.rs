//! A socket, and what epoll knows of it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};

use crate::{EventLoop, Interest};

/// A stream socket that is watched.
#[derive(Debug)]
pub struct Watched {
    fd: OwnedFd,
    token: u64,
    armed: Interest,
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Watched {
    /// Takes over a descriptor that nothing watches yet.
    #[must_use]
    pub const fn new(fd: OwnedFd, token: u64) -> Self {
        Self { fd, token, armed: Interest::empty() }
    }

    /// Sets the token of its events, before any is watched for.
    pub const fn set_token(&mut self, token: u64) {
        self.token = token;
    }

    /// Watches it for what is wanted now, where that has changed.
    pub fn watch(&mut self, event_loop: &EventLoop, wanted: Interest) {
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
    }

    /// Sends what goes without waiting. Returns the number of bytes; `None` where nobody is there
    /// to take them.
    #[must_use]
    pub fn send(&self, bytes: &[u8]) -> Option<usize> {
        match send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => Some(sent),
            Err(Errno::AGAIN | Errno::INTR) => Some(0),
            Err(_) => None,
        }
    }

    /// Receives what is there: `Ok(0)` is the end.
    ///
    /// # Errors
    /// Those of recv(2).
    pub fn receive(&self, to: &mut [u8]) -> Result<usize, Errno> {
        recv(&self.fd, to, RecvFlags::DONTWAIT).map(|(length, _)| length)
    }

    /// Returns whether the other end has gone. What it has said may be all there is to come: an end
    /// is seen only where nothing is before it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let peeked = recv(&self.fd, &mut [0; 1][..], RecvFlags::DONTWAIT | RecvFlags::PEEK);
        !matches!(peeked, Ok((1.., _)) | Err(Errno::AGAIN | Errno::INTR))
    }

    /// Returns whether the other end of a pair has been closed, and has not only said that nothing
    /// more comes: nothing can be sent to it then.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.send(&[]).is_none()
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// Those of shutdown(2): the other end is gone.
    pub fn shut(&self) -> Result<(), Errno> {
        shutdown(&self.fd, Shutdown::Write)
    }
}
