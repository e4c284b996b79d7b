//! The conversation with connect (fosse_wire::beside).

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};

use fosse_eventloop::{EventLoop, Interest};
use fosse_fdpass::Received;
use fosse_service::ExitReason;
use fosse_wire::beside::{FromBeside, MESSAGE_BYTES, ToBeside};
use rustix::io::Errno;

/// The channel, and what it has no room for.
#[derive(Debug)]
pub(crate) struct Channel {
    fd: OwnedFd,
    token: u64,
    armed: Interest,
    unsent: VecDeque<(FromBeside, Option<OwnedFd>)>,
}

impl Channel {
    /// Takes over the descriptor and watches it.
    pub(crate) fn new(fd: OwnedFd, token: u64, event_loop: &EventLoop) -> Result<Self, Errno> {
        event_loop.add(&fd, token, Interest::IN)?;
        Ok(Self { fd, token, armed: Interest::IN, unsent: VecDeque::new() })
    }

    /// Receives the next message; `None` where there is none now.
    pub(crate) fn receive(&self) -> Result<Option<(ToBeside, Option<OwnedFd>)>, ExitReason> {
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        match fosse_fdpass::receive(&self.fd, &mut bytes, &mut fds)? {
            Received::Nothing => Ok(None),
            Received::End => Err(ExitReason::Done),
            Received::Message(length) => match ToBeside::decode(&bytes[..length], fds.len()) {
                Ok(message) => Ok(Some((message, fds.pop()))),
                Err(_) => Err(ExitReason::broken_protocol("connect")),
            },
        }
    }

    /// Sends a message as soon as there is room for it.
    pub(crate) fn send(&mut self, message: FromBeside, fd: Option<OwnedFd>) {
        self.unsent.push_back((message, fd));
    }

    /// Sends what there is room for; the channel is watched for more while something is left.
    pub(crate) fn flush(&mut self, event_loop: &EventLoop) -> Result<(), ExitReason> {
        while let Some((message, fd)) = self.unsent.front() {
            let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
            match fosse_fdpass::send(&self.fd, &message.encode(), &fds) {
                Ok(()) => drop(self.unsent.pop_front()),
                // ETOOMANYREFS: more descriptors are on their way than this user may have open
                // (unix(7)). connect takes them in its next turn.
                Err(Errno::AGAIN | Errno::TOOMANYREFS | Errno::NOBUFS) => break,
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(ExitReason::Done),
                Err(errno) => return Err(ExitReason::Failed(format!("unable to reply to connect: {errno}"))),
            }
        }
        let wanted = if self.unsent.is_empty() { Interest::IN } else { Interest::IN | Interest::OUT };
        event_loop.rearm(&self.fd, self.token, &mut self.armed, wanted);
        Ok(())
    }
}
