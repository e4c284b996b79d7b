//! One socket, and what epoll knows of it.

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};

/// A socket that this process works on.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    token: u64,
    armed: Interest,
}

impl Socket {
    /// Takes over a descriptor, which is not watched before its events have a name.
    pub(crate) const fn new(fd: OwnedFd) -> Self {
        Self { fd, token: 0, armed: Interest::empty() }
    }

    /// Gives its events their token.
    pub(crate) const fn name(&mut self, token: u64) {
        self.token = token;
    }

    /// Reads once. Returns `None` while nothing is there; no bytes are the end.
    ///
    /// # Errors
    /// Those of recv(2): the peer is gone.
    pub(crate) fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Errno> {
        match recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((length, _)) => Ok(Some(&buffer[..length])),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Writes once. Returns how many bytes were taken.
    ///
    /// # Errors
    /// Those of send(2): the peer is gone.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            written => written,
        }
    }

    /// Watches for what is wanted now, where that has changed, and for the peer's end always.
    pub(crate) fn watch(&mut self, reads: bool, writes: bool, event_loop: &EventLoop) {
        let mut wanted = Interest::RDHUP;
        wanted.set(Interest::IN, reads);
        wanted.set(Interest::OUT, writes);
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
    }
}
