//! The events of one turn.

use std::os::fd::OwnedFd;

use rustix::{
    event::{Timespec, epoll},
    io::Errno,
};

use crate::Interest;

/// Events taken in one turn. A batch above 64 gains nothing more, and where each brings a piece of
/// a body, a turn of 256 took 18 ms, for which everybody else waited. The rest comes with the next.
const EVENTS_MAX: usize = 64;

/// The readiness of one descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The token that the descriptor was added with.
    pub token: u64,
    /// The readiness.
    pub flags: Interest,
}

impl Event {
    /// Returns whether a read will not block: bytes, an end or an error wait.
    #[must_use]
    pub fn readable(&self) -> bool {
        self.flags.intersects(Interest::IN | Interest::HUP | Interest::ERR | Interest::RDHUP)
    }

    /// Returns whether a write will not block.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR)
    }
}

/// The events that [`EventLoop::poll_once`](crate::EventLoop::poll_once) found. They are apart from
/// the loop, so that it can be changed while they are iterated over.
pub struct Events(Vec<epoll::Event>);

impl Events {
    /// Makes room for the events of a turn.
    #[must_use]
    pub fn new() -> Self {
        Self(Vec::with_capacity(EVENTS_MAX))
    }

    /// Iterates over the events.
    pub fn iter(&self) -> Iter<'_> {
        self.into_iter()
    }

    /// One epoll_wait(2) in place of the events there were; returns their number, 0 where a signal
    /// interrupted it.
    pub(crate) fn wait(&mut self, epoll: &OwnedFd, wait_ms: u64) -> Result<usize, Errno> {
        let wait = Timespec {
            tv_sec: i64::try_from(wait_ms / 1000).unwrap_or(1),
            tv_nsec: i64::try_from(wait_ms % 1000 * 1_000_000).unwrap_or(0),
        };
        self.0.clear();
        match epoll::wait(epoll, rustix::buffer::spare_capacity(&mut self.0), Some(&wait)) {
            Err(Errno::INTR) => Ok(0),
            result => result,
        }
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// Iterator over [`Events`].
#[derive(Clone)]
pub struct Iter<'a>(std::slice::Iter<'a, epoll::Event>);

impl Iterator for Iter<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.0.next().map(|event| Event { token: event.data.u64(), flags: event.flags })
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        Iter(self.0.iter())
    }
}
