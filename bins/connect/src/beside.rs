//! The programs beside connect that make connections of other kinds (fosse_wire::beside).

use std::os::fd::OwnedFd;

use fosse_eventloop::{EventLoop, Interest, slab::token};
use fosse_fdpass::Received;
use fosse_wire::beside::{Beside, FromBeside, MESSAGE_BYTES, ToBeside};

use crate::outbox::Outbox;

/// The channels to them.
#[derive(Debug, Default)]
pub(crate) struct Channels([Option<Outbox>; 2]);

/// The next thing that one of them says.
#[derive(Debug)]
pub(crate) enum Said {
    /// There is nothing more to be read now.
    Nothing,
    /// A message, with its descriptor.
    Message(FromBeside, Option<OwnedFd>),
    /// It is gone, or not itself any more.
    End,
}

/// Returns the token of the events of a channel.
pub(crate) const fn token_of(beside: Beside, kinds: [u8; 2]) -> u64 {
    token(kinds[beside as usize])
}

impl Channels {
    /// Takes over the channel to a program, in place of the one there was.
    pub(crate) fn open(&mut self, beside: Beside, fd: OwnedFd, token: u64, event_loop: &EventLoop) {
        self.0[beside as usize] = Some(Outbox::new(fd, token, Interest::IN, event_loop));
    }

    /// Returns whether there is a channel to that program.
    pub(crate) const fn has(&self, beside: Beside) -> bool {
        self.0[beside as usize].is_some()
    }

    /// Sends a message to a program. Returns false where that is gone.
    pub(crate) fn send(
        &mut self,
        beside: Beside,
        event_loop: &EventLoop,
        message: ToBeside,
        fd: Option<OwnedFd>,
    ) -> bool {
        let channel = self.0[beside as usize].as_mut();
        channel.is_some_and(|channel| channel.send(event_loop, message.encode(), fd).is_ok())
    }

    /// Sends what waited for room. Returns false where the program is gone.
    pub(crate) fn flush(&mut self, beside: Beside, event_loop: &EventLoop) -> bool {
        self.0[beside as usize].as_mut().is_some_and(|channel| channel.flush(event_loop).is_ok())
    }

    /// Receives the next message of a program.
    pub(crate) fn receive(&self, beside: Beside) -> Said {
        let Some(channel) = &self.0[beside as usize] else { return Said::Nothing };
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        match fosse_fdpass::receive(channel, &mut bytes, &mut fds) {
            Ok(Received::Nothing) => Said::Nothing,
            Ok(Received::Message(length)) => FromBeside::decode(&bytes[..length], fds.len())
                .map_or(Said::End, |message| Said::Message(message, fds.pop())),
            Ok(Received::End) | Err(_) => Said::End,
        }
    }

    /// Closes the channel to a program.
    pub(crate) fn close(&mut self, beside: Beside, event_loop: &EventLoop) {
        if let Some(mut channel) = self.0[beside as usize].take() {
            channel.unwatch(event_loop);
        }
    }
}
