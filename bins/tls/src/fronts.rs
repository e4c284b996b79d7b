//! The fronts of a lane: that of HTTP/1, and that of HTTP/2 where clients are offered it.

use std::os::fd::OwnedFd;

use fosse_eventloop::slab::token;
use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::handshaken::{Ended, Protocol};
use rustix::io::Errno;

use crate::front::{Front, Handshaken};

/// One of the fronts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Http1,
    Http2,
}

impl Which {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];

    /// Returns the front of those who speak a protocol.
    pub(crate) const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http2 => Self::Http2,
            Protocol::Http1 | Protocol::None => Self::Http1,
        }
    }

    /// Returns the token of its events.
    pub(crate) const fn token(self) -> u64 {
        match self {
            Self::Http1 => token(2),
            Self::Http2 => token(5),
        }
    }
}

/// The channels to them.
#[derive(Debug)]
pub(crate) struct Fronts {
    http1: Front,
    http2: Option<Front>,
}

impl Fronts {
    /// Takes over the descriptors and watches them.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub(crate) fn watch(http1: OwnedFd, http2: Option<OwnedFd>, event_loop: &EventLoop) -> Result<Self, Errno> {
        let fronts = Self { http1: Front::new(http1), http2: http2.map(Front::new) };
        for which in Which::ALL {
            fronts.at(which).map_or(Ok(()), |front| event_loop.add(front.fd(), which.token(), Interest::IN))?;
        }
        Ok(fronts)
    }

    const fn at(&self, which: Which) -> Option<&Front> {
        match which {
            Which::Http1 => Some(&self.http1),
            Which::Http2 => self.http2.as_ref(),
        }
    }

    const fn at_mut(&mut self, which: Which) -> Option<&mut Front> {
        match which {
            Which::Http1 => Some(&mut self.http1),
            Which::Http2 => self.http2.as_mut(),
        }
    }

    /// Adds a client to those that its front is sent at the end of the turn. Returns the front;
    /// `None` where that is not there any more.
    pub(crate) fn push(&mut self, client: Handshaken) -> Option<Which> {
        let which = Which::of(client.protocol);
        self.at_mut(which).filter(|front| !front.is_gone())?.push(client);
        Some(which)
    }

    /// Forgets a client, where it has not been sent.
    pub(crate) fn forget(&mut self, which: Which, id: u64) {
        if let Some(front) = self.at_mut(which) {
            front.forget(id);
        }
    }

    /// Receives the next ends from a front; `None` where there are none now, or it is gone.
    pub(crate) fn receive(&mut self, which: Which) -> Option<Vec<Ended>> {
        self.at_mut(which)?.receive()
    }

    /// Sends the clients that wait, and watches for room where there is none.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) {
        for which in Which::ALL {
            let Some(front) = self.at_mut(which) else { continue };
            let was_blocked = front.is_blocked();
            front.flush();
            if front.is_blocked() || was_blocked {
                let wanted = if front.is_blocked() { Interest::IN | Interest::OUT } else { Interest::IN };
                // What cannot be watched is tried again with the next turn, after a tick at the
                // latest.
                let _ = event_loop.modify(front.fd(), which.token(), wanted);
            }
        }
    }

    /// Returns whether a front is there no more.
    pub(crate) fn is_gone(&self, which: Which) -> bool {
        self.at(which).is_some_and(Front::is_gone)
    }

    /// Watches a front no more: one that is gone would be reported for ever.
    pub(crate) fn unwatch(&self, which: Which, event_loop: &EventLoop) {
        if let Some(front) = self.at(which) {
            // It may be unwatched already.
            let _ = event_loop.remove(front.fd());
        }
    }
}
