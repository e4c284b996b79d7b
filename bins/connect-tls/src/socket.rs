//! A socket, and what epoll knows of it.

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown},
};

/// A socket that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    fd: OwnedFd,
    token: u64,
    armed: Interest,
}

impl Watched {
    /// Takes over a descriptor that nothing watches yet.
    pub(crate) const fn new(fd: OwnedFd, token: u64) -> Self {
        Self { fd, token, armed: Interest::empty() }
    }

    /// Sets the token of its events, before any is watched for.
    pub(crate) const fn set_token(&mut self, token: u64) {
        self.token = token;
    }

    /// Watches it for what is wanted now, where that has changed.
    pub(crate) fn watch(&mut self, event_loop: &EventLoop, wanted: Interest) {
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
    }

    /// Sends what goes without waiting. Returns the number of bytes; `None` where nobody is there
    /// to take them.
    pub(crate) fn send(&self, bytes: &[u8]) -> Option<usize> {
        match send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(sent) => Some(sent),
            Err(Errno::AGAIN | Errno::INTR) => Some(0),
            Err(_) => None,
        }
    }

    /// Receives what is there: `Ok(0)` is the end.
    pub(crate) fn receive(&self, to: &mut [u8]) -> Result<usize, Errno> {
        recv(&self.fd, to, RecvFlags::DONTWAIT).map(|(length, _)| length)
    }

    /// Returns whether the other end of a pair has been closed, and has not only said that nothing
    /// more comes: nothing can be sent to it then.
    pub(crate) fn is_closed(&self) -> bool {
        self.send(&[]).is_none()
    }

    /// Says that nothing more comes. Where this fails the other end is gone, which is heard of.
    pub(crate) fn shut(&self) {
        let _ = shutdown(&self.fd, Shutdown::Write);
    }
}
