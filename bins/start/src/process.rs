//! What start knows of each process it has started.

use std::os::fd::OwnedFd;

use fosse_sys::page::PageReader;
use fosse_wire::{launch::Program, start::Stream};
use rustix::process::Pid;

/// A process.
#[derive(Debug)]
pub struct Process {
    /// What it is.
    pub program: Program,
    /// Its lane, for those that have one.
    pub lane: Option<u32>,
    /// Its process id; `None` until the nursery has answered.
    pub pid: Option<Pid>,
    /// Its UID is the base plus this.
    pub slot: usize,
    /// start's end of its descriptor 7.
    pub control: OwnedFd,
    /// Its page, to be handed to status.
    pub page_fd: OwnedFd,
    /// Its page.
    pub page: PageReader,
    /// Reading ends of its pipes: a new logger gets them again.
    pub pipes: Vec<(Stream, OwnedFd)>,
    /// It has said READY.
    pub ready: bool,
    /// Its turn counter when it last moved.
    pub turns: u64,
    /// When that was, or when it was born.
    pub moved_ms: u64,
    /// Its end is wanted: draining, replaced, or killed by start.
    pub leaving: bool,
    /// start has killed it.
    pub killed: bool,
    /// It makes processes: launches go to its descriptor 7, answers come from there.
    pub template: bool,
    /// It is a filter whose rules keep records: it has a way to the store.
    pub keeps_records: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// exit(2) with this status.
    Exit(i32),
    /// A signal.
    Signal(i32),
}

/// Signal numbers that mean: the process did something wrong.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSYS: i32 = 31;

impl End {
    /// A death by its own fault is throttled; SIGKILL from outside is not.
    #[must_use]
    pub const fn own_fault(self) -> bool {
        !matches!(self, Self::Exit(0) | Self::Signal(SIGKILL))
    }

    /// What a stage ends with when a neighbour is gone; with nothing under way that is an end like any other.
    #[must_use]
    pub const fn follows_another(self) -> bool {
        matches!(self, Self::Exit(0 | fosse_die::EXIT_TEMPORARY))
    }

    /// seccomp ended it.
    #[must_use]
    pub const fn sandbox_violation(self) -> bool {
        matches!(self, Self::Signal(SIGSYS) | Self::Exit(159))
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exit={status}"),
            Self::Signal(SIGSYS) => f.write_str("signal=SIGSYS"),
            Self::Signal(SIGABRT) => f.write_str("signal=SIGABRT"),
            Self::Signal(SIGKILL) => f.write_str("signal=SIGKILL"),
            Self::Signal(number) => write!(f, "signal={number}"),
        }
    }
}
