//! Replies to dispatch, and those that its queue has no room for.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, OwnedFd},
};

use fosse_eventloop::{EventLoop, Interest};
use fosse_service::ExitReason;
use fosse_wire::connect::Reply;
use rustix::io::Errno;

/// The way to dispatch.
#[derive(Debug)]
pub(crate) struct Replies {
    fd: OwnedFd,
    /// Token that the socket is watched with while it is full.
    token: u64,
    unsent: VecDeque<(Reply, Option<OwnedFd>)>,
    /// The queue is full, and watched.
    blocked: bool,
}

impl Replies {
    pub(crate) const fn new(fd: OwnedFd, token: u64) -> Self {
        Self { fd, token, unsent: VecDeque::new(), blocked: false }
    }

    /// Returns the number of replies that wait for room.
    pub(crate) fn len(&self) -> usize {
        self.unsent.len()
    }

    /// Sends a reply. A burst of requests has more replies than the queue has room for: what does
    /// not fit waits until dispatch has read.
    pub(crate) fn send(&mut self, event_loop: &EventLoop, reply: Reply, fd: Option<OwnedFd>) -> Result<(), ExitReason> {
        self.unsent.push_back((reply, fd));
        if self.blocked { Ok(()) } else { self.flush(event_loop) }
    }

    /// Sends what there is room for; the socket is watched while something is left.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        while let Some((reply, fd)) = self.unsent.front() {
            let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
            match fosse_fdpass::send(&self.fd, &reply.encode(), &fds) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ExitReason::Done),
                Err(errno) => return Err(ExitReason::Failed(format!("unable to reply to dispatch: {errno}"))),
            }
        }
        match (self.unsent.is_empty(), self.blocked) {
            (false, false) => event_loop.add(&self.fd, self.token, Interest::OUT)?,
            (true, true) => event_loop.remove(&self.fd)?,
            _ => return Ok(()),
        }
        self.blocked = !self.blocked;
        Ok(())
    }
}
