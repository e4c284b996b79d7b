//! What programs beside this one are given, what they reply, and what follows when one is gone.

use std::os::fd::OwnedFd;

use fosse_eventloop::{Event, slab::Key};
use fosse_service::{ExitReason, Process};
use fosse_wire::{
    beside::{Beside, FromBeside, ToBeside},
    connect::{ConnectRequest, Outcome},
};
use rustix::io::Errno;

use super::{ATTEMPTS_MAX, Server, TOKENS_BESIDE};
use crate::{
    beside::{Said, token_of},
    ended::Ended,
    pending::{Asker, Pending, Step},
};

impl Server {
    /// Gives a connected socket to the program that speaks TLS over it. One that is being replaced
    /// is waited for: the server has done nothing wrong.
    pub(super) fn secure(&mut self, process: &Process, key: Key, fd: OwnedFd) -> Result<(), ExitReason> {
        let Some(pending) = self.pending.get_mut(key) else { return Ok(()) };
        if !self.beside.has(Beside::Tls) {
            pending.step = Step::Held(fd);
            return Ok(());
        }
        let (tag, server) = (self.next_tag, u32::try_from(pending.server).unwrap_or(u32::MAX));
        self.next_tag = tag.wrapping_add(1);
        self.given.insert(tag, key);
        let message = ToBeside::Dialled { tag, server, outcome: Outcome::Connected, errno: 0 };
        if self.beside.send(Beside::Tls, &process.event_loop, message, Some(fd)) {
            return Ok(());
        }
        self.lose(process, Beside::Tls)
    }

    /// Hears a program beside this one.
    pub(super) fn on_beside(&mut self, process: &Process, which: Beside, event: Event) -> Result<(), ExitReason> {
        if event.writable() && !self.beside.flush(which, &process.event_loop) {
            return self.lose(process, which);
        }
        loop {
            match self.beside.receive(which) {
                Said::Nothing => return Ok(()),
                Said::End => return self.lose(process, which),
                Said::Message(FromBeside::Reply { tag, outcome, errno }, fd) => {
                    // One whose time was over is nobody's: its socket closes here.
                    let Some(pending) = self.given.remove(&tag).and_then(|key| self.pending.remove(key)) else {
                        continue;
                    };
                    let ended = Ended { outcome, errno, ..pending.ended() };
                    self.reply(process, &ended, fd)?;
                }
                Said::Message(FromBeside::Dial { tag, server }, _) => {
                    if which != Beside::Http2 || self.under_way() >= ATTEMPTS_MAX {
                        return self.lose(process, which);
                    }
                    self.take_request(process, Asker::Http2, ConnectRequest { tag, server })?;
                }
            }
        }
    }

    /// A program beside this one is gone, with all that it was given.
    pub(super) fn lose(&mut self, process: &Process, which: Beside) -> Result<(), ExitReason> {
        self.beside.close(which, &process.event_loop);
        let has = |pending: &Pending| matches!(pending.step, Step::Beside(beside) if beside == which);
        let lost: Vec<Key> = self.pending.iter().filter(|(_, pending)| has(pending)).map(|(key, _)| key).collect();
        self.given.retain(|_, key| !lost.contains(key));
        lost.into_iter().try_for_each(|key| self.give_up(process, key, Outcome::Missing, Errno::PIPE))
    }

    /// Goes on with what has waited for a program beside this one.
    pub(super) fn replace(&mut self, process: &Process, which: Beside, fd: OwnedFd) -> Result<(), ExitReason> {
        self.lose(process, which)?;
        self.beside.open(which, fd, token_of(which, TOKENS_BESIDE), &process.event_loop);
        let waits = |pending: &Pending| match pending.step {
            Step::Held(_) => which == Beside::Tls,
            Step::Unasked => which == Beside::Http2,
            Step::Dialling(_) | Step::Beside(_) => false,
        };
        let all: Vec<Key> = self.pending.iter().filter(|(_, pending)| waits(pending)).map(|(key, _)| key).collect();
        for key in all {
            if which == Beside::Http2 {
                self.ask_http2(process, key)?;
                continue;
            }
            let Some(pending) = self.pending.get_mut(key) else { continue };
            if let Step::Held(fd) = std::mem::replace(&mut pending.step, Step::Beside(which)) {
                self.secure(process, key, fd)?;
            }
        }
        Ok(())
    }
}
