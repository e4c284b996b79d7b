//! A row of the table: one thing that a program which has been taken over might do next.

use fosse_sys::probe::{self, Probe};
use rustix::io::Errno;

use crate::fixture::Fixture;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action {
    /// Its name.
    pub name: &'static str,
    attempt: ActionKind,
}

#[derive(Clone, Copy, Debug)]
enum ActionKind {
    Function(fn(&Fixture) -> ActionResult),
    Call(&'static Probe),
}

impl Action {
    pub(crate) const fn new(name: &'static str, attempt: fn(&Fixture) -> ActionResult) -> Action {
        Action { name, attempt: ActionKind::Function(attempt) }
    }

    /// Makes a row of one system call.
    pub(crate) const fn call(probe: &'static Probe) -> Action {
        Action { name: probe.name, attempt: ActionKind::Call(probe) }
    }

    /// Does it, once, in a process that ends afterwards.
    ///
    /// # Errors
    /// The errno it was refused with.
    pub(crate) fn attempt(&self, fixture: &Fixture) -> Result<(), Errno> {
        match self.attempt {
            ActionKind::Function(attempt) => attempt(fixture),
            ActionKind::Call(probe) => probe::attempt(probe),
        }
    }
}

/// The result of an action: the errno it was refused with, or none.
pub(crate) type ActionResult = Result<(), Errno>;

/// Returns nix's errno as rustix has it.
pub(crate) fn errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}
