//! A socket on which clients come, and what they may ask for there.

use std::os::fd::OwnedFd;

use fosse_eventloop::Interest;
use fosse_service::Process;
use rustix::{
    io::Errno,
    net::{SocketFlags, accept_with},
};

use crate::{limits::CLIENTS_MAX, request::Target};

/// The kind of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The unix socket, whose permission bits say who may ask.
    Unix,
    /// The TCP socket, which every user of the machine can reach at least.
    Tcp,
}

impl Kind {
    /// Returns whether a page is shown here. What only an operator wants is not on TCP: it names
    /// processes, and files in the words about a reload.
    pub(crate) fn shows(self, target: Target) -> bool {
        self == Self::Unix || target == Target::Metrics
    }
}

/// One listener. It has places of its own, so that clients of one cannot keep those of the other
/// out.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) kind: Kind,
    fd: OwnedFd,
    token: u64,
    /// It is watched: not while it has as many clients as it may have.
    watched: bool,
    /// Number of its clients.
    pub(crate) clients: usize,
}

impl Listener {
    /// Takes a listening socket.
    pub(crate) const fn new(kind: Kind, fd: OwnedFd, token: u64) -> Self {
        Self { kind, fd, token, watched: false, clients: 0 }
    }

    /// Watches it exactly while there is room for another client.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&mut self, process: &Process) -> Result<(), Errno> {
        let room = self.clients < CLIENTS_MAX;
        if room != self.watched {
            self.watched = room;
            match room {
                true => process.event_loop.add(&self.fd, self.token, Interest::IN)?,
                false => process.event_loop.remove(&self.fd)?,
            }
        }
        Ok(())
    }

    /// Returns the next client; `None` where there is none, or no room for it.
    ///
    /// # Errors
    /// Those of accept(2) that do not pass.
    pub(crate) fn accept(&self) -> Result<Option<OwnedFd>, Errno> {
        if self.clients >= CLIENTS_MAX {
            return Ok(None);
        }
        loop {
            match accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => return Ok(Some(fd)),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Out of descriptors or memory for now: the tick brings the next try.
                Err(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => return Ok(None),
                Err(errno) => return Err(errno),
            }
        }
    }
}
