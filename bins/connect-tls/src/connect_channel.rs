//! The channel with fosse-connect: connected sockets in, replies out.

use std::{
    collections::VecDeque,
    os::fd::{AsFd as _, OwnedFd},
};

use fosse_eventloop::{EventLoop, Interest};
use fosse_fdpass::Received;
use fosse_service::ExitReason;
use fosse_wire::{
    beside::{FromBeside, MESSAGE_BYTES, ToBeside},
    connect::Outcome,
};
use rustix::io::Errno;

/// The channel.
#[derive(Debug)]
pub(crate) struct ConnectChannel {
    fd: OwnedFd,
    token: u64,
    armed: Interest,
    unsent: VecDeque<(FromBeside, Option<OwnedFd>)>,
}

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Dialled {
    /// Tag that the reply repeats.
    pub(crate) tag: u32,
    /// Index into the table of servers.
    pub(crate) server: u32,
    pub(crate) fd: OwnedFd,
}

impl ConnectChannel {
    /// Takes over the descriptor and watches it.
    pub(crate) fn new(fd: OwnedFd, token: u64, event_loop: &EventLoop) -> Self {
        let mut channel = Self { fd, token, armed: Interest::empty(), unsent: VecDeque::new() };
        event_loop.rearm(&channel.fd, token, &mut channel.armed, Interest::IN);
        channel
    }

    /// Returns the number of replies that wait for room.
    pub(crate) fn len(&self) -> usize {
        self.unsent.len()
    }

    /// Receives the next socket, if one is there.
    ///
    /// # Errors
    /// connect is gone, or is not itself any more.
    pub(crate) fn receive(&self) -> Result<Option<Dialled>, ExitReason> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        match fosse_fdpass::receive(&self.fd, &mut bytes, &mut fds)? {
            Received::Nothing => Ok(None),
            Received::End => Err(ExitReason::Done),
            Received::Message(length) => match (ToBeside::decode(&bytes[..length], fds.len()), fds.pop()) {
                (Ok(ToBeside::Dialled { tag, server, outcome: Outcome::Connected, .. }), Some(fd)) => {
                    Ok(Some(Dialled { tag, server, fd }))
                }
                _ => Err(ExitReason::broken_protocol("connect")),
            },
        }
    }

    /// Sends a reply. What does not fit waits until connect has read.
    ///
    /// # Errors
    /// As [`ConnectChannel::flush`].
    pub(crate) fn reply(
        &mut self,
        event_loop: &EventLoop,
        tag: u32,
        (outcome, errno): (Outcome, u16),
        fd: Option<OwnedFd>,
    ) -> Result<(), ExitReason> {
        self.unsent.push_back((FromBeside::Reply { tag, outcome, errno }, fd));
        if self.armed.contains(Interest::OUT) { Ok(()) } else { self.flush(event_loop) }
    }

    /// Sends what there is room for; the socket is watched for more while something is left.
    ///
    /// # Errors
    /// connect is gone, or what sendmsg(2) says.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        while let Some((message, fd)) = self.unsent.front() {
            let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
            match fosse_fdpass::send(&self.fd, &message.encode(), &fds) {
                Ok(()) => drop(self.unsent.pop_front()),
                Err(Errno::AGAIN) => break,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ExitReason::Done),
                Err(errno) => return Err(ExitReason::Failed(format!("unable to reply to connect: {errno}"))),
            }
        }
        let wanted = if self.unsent.is_empty() { Interest::IN } else { Interest::IN | Interest::OUT };
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
        Ok(())
    }
}
