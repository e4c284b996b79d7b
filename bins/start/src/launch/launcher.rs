//! The launcher: the means to make processes, the same over the edge's life but for the programs,
//! which each reload opens again.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_lockdown::Mode;

use crate::{
    generation::Generation,
    launch::{fork_server::ForkServer, programs::Programs},
};

/// The means to make processes.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// start runs as root, and every process gets its own user ID.
    pub privileged: bool,
    /// The strictness of everyone's lock-down.
    pub mode: Mode,
    pub fork_server: ForkServer,
    pub programs: Programs,
    /// /dev/null, for processes that are given no descriptor 0 or 1.
    pub null: OwnedFd,
}

/// The context of a spawn: the launcher, the generation of the process, and the loop that waits for
/// its messages.
#[derive(Clone, Copy)]
pub(crate) struct SpawnContext<'a> {
    pub launcher: &'a Launcher,
    pub event_loop: &'a EventLoop,
    pub generation: &'a Generation,
}

impl<'a> SpawnContext<'a> {
    pub(crate) const fn new(launcher: &'a Launcher, event_loop: &'a EventLoop, generation: &'a Generation) -> Self {
        Self { launcher, event_loop, generation }
    }
}
