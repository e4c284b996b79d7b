//! A socket on which clients come, and what they may ask for there.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use fosse_eventloop::Interest;
use fosse_service::Process;
use fosse_source::Source;
use rustix::{
    io::Errno,
    net::{SocketAddrAny, SocketFlags, acceptfrom_with},
};

use crate::request::Target;

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
    /// It is watched: not between a want of descriptors and the next tick.
    watched: bool,
}

impl Listener {
    /// Takes a listening socket.
    pub(crate) const fn new(kind: Kind, fd: OwnedFd, token: u64) -> Self {
        Self { kind, fd, token, watched: false }
    }

    /// Watches it, where it is not watched.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(&mut self, process: &Process) -> Result<(), Errno> {
        if !self.watched {
            process.event_loop.add(&self.fd, self.token, Interest::IN)?;
            self.watched = true;
        }
        Ok(())
    }

    /// Returns the next client and its source; `None` where there is none now.
    ///
    /// # Errors
    /// Those of accept(2) that do not pass, and those of epoll_ctl(2).
    pub(crate) fn accept(&mut self, process: &Process) -> Result<Option<(OwnedFd, Source)>, Errno> {
        loop {
            match acceptfrom_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((fd, peer)) => return Ok(Some((fd, source(peer)))),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS) => break,
                Err(errno) => return Err(errno),
            }
        }
        // It would be ready all the time: the tick brings the next try.
        self.watched = false;
        process.event_loop.remove(&self.fd)?;
        Ok(None)
    }
}

/// Returns the source of a peer; that of the machine where it has no address.
fn source(peer: Option<SocketAddrAny>) -> Source {
    match peer.and_then(|peer| SocketAddr::try_from(peer).ok()).map(|address| address.ip()) {
        Some(IpAddr::V4(v4)) => Source::of(&v4.to_ipv6_mapped().octets()),
        Some(IpAddr::V6(v6)) => Source::of(&v6.octets()),
        None => Source::LOCAL,
    }
}
