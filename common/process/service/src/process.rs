//! The locked process: what it has for its whole life, and what it was given for once.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;

use fosse_counters::{Counters, LOG_DROPPED};
use fosse_eventloop::EventLoop;
use fosse_inherit::Descriptors;
use fosse_lockdown::{Bind, Locked, Mode, Sealed};
use fosse_wire::start::ToStart;
use serde::de::DeserializeOwned;

use crate::{CONFIG_FD, start::Start};

/// The means of every handler of a program.
#[derive(Debug)]
pub struct Process {
    /// The event loop: descriptors are watched there, and the time is there.
    pub event_loop: EventLoop,
    /// The counter page. What lives as long as the process may have a share of it.
    pub counters: Rc<Counters>,
    pub(crate) program: &'static str,
    pub(crate) start: Start,
}

impl Process {
    /// Sends start a message. Where that fails start is gone, which the next turn finds out.
    pub fn tell_start(&self, message: ToStart) {
        self.start.tell(message);
    }

    /// Returns the socket of the conversation with start; none in a shell.
    #[must_use]
    pub fn start_fd(&self) -> Option<BorrowedFd<'_>> {
        self.start.0.as_ref().map(AsFd::as_fd)
    }

    /// Counts what the process can say of itself at every tick.
    pub(crate) fn count_tick(&self) {
        self.counters.set(LOG_DROPPED, fosse_die::dropped());
        self.counters.set_turns(self.event_loop.long_turns());
    }
}

/// The inherited descriptors of the program's job, to be read now that the lock is on.
#[derive(Debug)]
pub struct Given {
    pub(crate) program: &'static str,
    pub(crate) descriptors: Descriptors,
    pub(crate) locked: Locked,
    pub(crate) mode: Mode,
}

impl Given {
    /// Reads the configuration. Ends the program with exit status 100 where it is not exactly a
    /// `T`.
    pub fn settings<T: DeserializeOwned>(&mut self) -> T {
        fosse_inherit::blob(self.program, &mut self.descriptors, CONFIG_FD).open(self.locked).read()
    }

    /// Reads what else was compiled for the program and lies on another descriptor, where it was
    /// given. Ends the program with exit status 100 where it is not exactly a `T`.
    pub fn optional_settings<T: DeserializeOwned>(&mut self, number: RawFd) -> Option<T> {
        let blob = fosse_inherit::optional_blob(self.program, &mut self.descriptors, number)?;
        Some(blob.open(self.locked).read())
    }

    /// Narrows the lock to TCP connects to these ports, and to what it may `bind`. Ends the program
    /// with exit status 100 where that fails.
    pub fn connect_to_ports(&self, ports: &BTreeSet<u16>, bind: Bind) {
        if let Err(refusal) = fosse_lockdown::connect_to_ports(self.locked, self.mode, ports, bind) {
            fosse_die::fatal(self.program, refusal);
        }
    }

    /// Opens what was sealed before the lock.
    pub fn open<T>(&self, sealed: Sealed<T>) -> T {
        sealed.open(self.locked)
    }

    /// Takes a descriptor that the table names as required.
    pub fn required(&mut self, number: RawFd) -> OwnedFd {
        self.descriptors.required(number)
    }

    /// Takes a descriptor that may be absent.
    pub fn optional(&mut self, number: RawFd) -> Option<OwnedFd> {
        self.descriptors.optional(number)
    }
}
