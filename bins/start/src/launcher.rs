//! What processes are made with: the same over the edge's life but for the programs, which each
//! reload opens again.

use std::os::fd::OwnedFd;

use fosse_eventloop::EventLoop;
use fosse_lockdown::Mode;

use crate::{fork_server::ForkServer, generation::Generation, programs::Programs};

/// What processes are made with.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// Whether start runs as root: every process gets its own user ID.
    pub privileged: bool,
    /// How strictly everybody locks down.
    pub mode: Mode,
    pub fork_server: ForkServer,
    pub programs: Programs,
    /// /dev/null, for descriptors 0 and 1 that nobody gives.
    pub null: OwnedFd,
}

/// What a spawn reads: who makes the process, of which generation it is, and where its messages are
/// waited for.
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
