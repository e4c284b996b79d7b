//! A client's socket: reading, writing, watching, and the ways it is closed.

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest};
use fosse_front::caller::Caller;
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

/// The socket of one client, and what epoll knows of it.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    token: u64,
    registered: bool,
    armed: Interest,
    /// Ended in the normal way: what was written arrives, by way of fosse-tls too.
    pub(crate) ended_well: bool,
}

impl Socket {
    /// Takes over a descriptor; `token` is the one of its events.
    pub(crate) const fn new(fd: OwnedFd, token: u64) -> Self {
        Self { fd, token, registered: false, armed: Interest::empty(), ended_well: false }
    }

    /// Returns the token of its events.
    pub(crate) const fn token(&self) -> u64 {
        self.token
    }

    /// Reads once. Returns `None` while nothing is there; no bytes are the end.
    ///
    /// # Errors
    /// Those of recv(2): the client is gone.
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
    /// Those of send(2): the client is gone.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            written => written,
        }
    }

    /// Watches for what is wanted now, where that has changed.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&mut self, reads: bool, writes: bool, event_loop: &EventLoop) -> Result<(), Errno> {
        let mut wanted = Interest::empty();
        wanted.set(Interest::IN, reads);
        wanted.set(Interest::OUT, writes);
        if self.registered && wanted == self.armed {
            return Ok(());
        }
        if self.registered {
            event_loop.modify(&self.fd, self.token, wanted)?;
        } else {
            event_loop.add(&self.fd, self.token, wanted)?;
        }
        (self.registered, self.armed) = (true, wanted);
        Ok(())
    }

    /// Returns whether it was full when it was written to last.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.armed.contains(Interest::OUT)
    }

    /// Ends what is written to the client. Returns whether the client can still be read.
    pub(crate) fn finish_writing(&self) -> bool {
        shutdown(&self.fd, Shutdown::Write).is_ok()
    }

    /// Lets what was written arrive when the socket is closed: until now closing it is a reset.
    pub(crate) fn end_without_reset(&mut self, caller: &Caller) {
        self.ended_well = true;
        if !caller.record.unix && caller.tls.is_none() {
            // If the kernel refuses, the client sees a reset: never a part that looks whole.
            let _ = set_socket_linger(&self.fd, None);
        }
    }
}
