//! A row of the table: one thing that a program which has been taken over might do next.

use fosse_sys::probe::{self, Probe};
use rustix::io::Errno;

use crate::stage::Stage;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// Its name.
    pub name: &'static str,
    attempt: ActionKind,
}

#[derive(Clone, Copy, Debug)]
enum ActionKind {
    Do(fn(&Stage) -> Attempt),
    Call(&'static Probe),
}

impl Action {
    pub(crate) const fn new(name: &'static str, attempt: fn(&Stage) -> Attempt) -> Action {
        Action { name, attempt: ActionKind::Do(attempt) }
    }

    /// Makes a row of one system call.
    pub(crate) const fn call(probe: &'static Probe) -> Action {
        Action { name: probe.name, attempt: ActionKind::Call(probe) }
    }

    /// Does it, once, in a process that ends afterwards.
    ///
    /// # Errors
    /// The errno it was refused with.
    pub fn attempt(&self, stage: &Stage) -> Result<(), Errno> {
        match self.attempt {
            ActionKind::Do(attempt) => attempt(stage),
            ActionKind::Call(probe) => probe::attempt(probe),
        }
    }
}

/// What an attempt returns.
pub(crate) type Attempt = Result<(), Errno>;

/// Returns nix's errno as rustix has it.
pub(crate) fn errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}
