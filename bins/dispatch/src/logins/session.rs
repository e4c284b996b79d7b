//! The session with fosse-password. It ends with the first thing that is wrong.

use std::os::fd::OwnedFd;

use fosse_die::warning;
use fosse_eventloop::{EventLoop, Interest};
use fosse_wire::{
    Inbox, WireError,
    password::{FromPassword, Outcome, ToPassword, split},
    session::Heard,
};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use zeroize::{Zeroize as _, Zeroizing};

use crate::PROGRAM;

/// The beginning of a session: the HELLO is to be sent, and replies come.
pub(super) const WATCHED: Interest = Interest::IN;

/// The socket to fosse-password, and the state of both directions.
#[derive(Debug)]
pub(super) struct Session {
    fd: OwnedFd,
    /// The token of its events.
    token: u64,
    inbox: Inbox,
    heard: Heard,
    /// Questions that are to be sent, with passwords in them.
    out: Zeroizing<Vec<u8>>,
    is_blocked: bool,
    is_broken: bool,
}

impl Session {
    pub(super) fn new(fd: OwnedFd, token: u64) -> Self {
        let mut out = Zeroizing::new(Vec::new());
        // A HELLO always fits.
        let _ = ToPassword::Hello.encode(&mut out);
        Self { fd, token, inbox: Inbox::default(), heard: Heard::Nothing, out, is_blocked: false, is_broken: false }
    }

    pub(super) const fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Adds a question to what is to be sent.
    pub(super) fn push(&mut self, question: &[u8]) {
        let room = self.out.capacity() - self.out.len();
        if question.len() > room {
            // A vector that grows leaves its bytes where it was.
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (self.out.len() + question.len())));
            larger.extend_from_slice(&self.out);
            self.out = larger;
        }
        self.out.extend_from_slice(question);
    }

    /// Writes once, and watches for room while something is left.
    pub(super) fn write(&mut self, event_loop: &EventLoop) {
        if self.out.is_empty() || self.is_broken {
            return;
        }
        match send(&self.fd, &self.out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(length) if length == self.out.len() => self.out.zeroize(),
            Ok(length) => {
                self.out.copy_within(length.., 0);
                let left = self.out.len() - length;
                self.out[left..].zeroize();
                self.out.truncate(left);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Its end comes as a read.
            Err(_) => self.out.zeroize(),
        }
        let is_blocked = !self.out.is_empty();
        if std::mem::replace(&mut self.is_blocked, is_blocked) != is_blocked {
            let wanted = if is_blocked { WATCHED | Interest::OUT } else { WATCHED };
            self.is_broken |= event_loop.modify(&self.fd, self.token, wanted).is_err();
        }
    }

    /// Reads once. Returns the results that have come, and whether it is over.
    pub(super) fn read(&mut self) -> (Vec<(u32, Outcome)>, bool) {
        let mut results = Vec::new();
        match recv(&self.fd, self.inbox.spare(), RecvFlags::DONTWAIT) {
            Ok((0, _)) | Err(Errno::CONNRESET) => self.is_broken = true,
            Ok((length, _)) => self.inbox.filled(length),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.is_broken = true,
        }
        if let Err(why) = self.take(&mut results) {
            warning(PROGRAM, format_args!("event=password-broke why=\"{why}\""));
            self.is_broken = true;
        }
        (results, self.is_broken)
    }

    fn take(&mut self, results: &mut Vec<(u32, Outcome)>) -> Result<(), WireError> {
        while let Some(message) = self.inbox.next_of(split)? {
            let message = FromPassword::decode(message)?;
            self.heard = self.heard.after(message == FromPassword::Hello)?;
            if let FromPassword::Result { tag, outcome } = message {
                results.push((tag, outcome));
            }
        }
        Ok(())
    }
}
