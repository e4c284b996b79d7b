//! A connection that somebody waits for, and how far it is.

use std::os::fd::OwnedFd;

use fosse_deadlines::Timer;
use fosse_wire::beside::Beside;

use crate::attempt::Attempt;

/// The limits of a connection that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `connect_seconds` of the backend, for all addresses of the server and for what comes after
    /// the connect together.
    Connect,
}

/// Whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    Dispatch,
    /// The program beside connect that has exchanges share connections.
    Http2,
}

/// The step that it is at.
#[derive(Debug)]
pub(crate) enum Step {
    /// Its socket is being connected.
    Dialling(Attempt),
    /// Connected, it waits for the program that goes on with it, which is being replaced.
    Held(OwnedFd),
    /// The program that has the server's connections shared is being replaced, and is asked then.
    Unasked,
    /// A program beside connect has it.
    Beside(Beside),
}

/// A connection that somebody waits for.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) asker: Asker,
    /// The asker's tag, which the reply repeats.
    pub(crate) tag: u32,
    /// Index into the table of servers.
    pub(crate) server: usize,
    pub(crate) step: Step,
    /// Its time to give up.
    pub(crate) timer: Timer<Limit>,
}

impl Pending {
    /// Returns its attempt, where that is under way.
    pub(crate) const fn attempt(&self) -> Option<&Attempt> {
        if let Step::Dialling(attempt) = &self.step { Some(attempt) } else { None }
    }

    /// Returns the same, to go on with.
    pub(crate) const fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        if let Step::Dialling(attempt) = &mut self.step { Some(attempt) } else { None }
    }
}
