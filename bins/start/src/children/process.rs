//! One process that start has started, and how a process ends.

use std::os::fd::OwnedFd;

use fosse_sys::page::PageReader;
use fosse_wire::{launch::Program, start::Stream};
use rustix::{
    io::Errno,
    process::{Pid, WaitStatus},
};

use crate::children::{delivered::Delivered, scheduling::Schedule, stillness::Stillness, unread::Source};

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its program.
    pub program: Program,
    /// Its lane, for those that have one.
    pub lane: Option<u32>,
    /// Its process ID; `None` until its maker has replied.
    pub pid: Option<Pid>,
    /// Its UID is the base plus this.
    pub slot: usize,
    /// start's end of its descriptor 7.
    pub control: OwnedFd,
    /// The orders that it was given.
    pub delivered: Delivered,
    /// Its page, to be handed to status.
    pub page_fd: OwnedFd,
    /// Its page.
    pub page: PageReader,
    /// Reading ends of its pipes: a new logger gets them again.
    pub pipes: Vec<(Stream, OwnedFd)>,
    /// It has said READY.
    pub ready: bool,
    /// Its scheduling.
    pub schedule: Schedule,
    /// The time for which it has stood still, or has not been ready.
    pub stillness: Stillness,
    /// Its exit is wanted: draining, replaced, or killed by start.
    pub leaving: bool,
    /// start has killed it.
    pub killed: bool,
    /// It makes processes: launches go to its descriptor 7, replies come from there.
    pub zygote: bool,
    /// It is a filter whose rules keep records: it has a way to the store.
    pub keeps_records: bool,
    /// Its column of the page of the limits that lanes share.
    pub column: Option<u16>,
}

/// Returns whether a lane goes on without such a process, and gets another.
pub(crate) const fn is_replaceable(program: Program) -> bool {
    matches!(program, Program::Encode | Program::Keys | Program::ConnectTls | Program::DispatchH2)
}

impl Process {
    /// Returns one that is to be made, with start's ends of what it is given.
    ///
    /// # Errors
    /// Those of [`PageReader::map`].
    pub(crate) fn new(
        program: Program,
        lane: Option<u32>,
        slot: usize,
        control: OwnedFd,
        page_fd: OwnedFd,
    ) -> Result<Self, Errno> {
        Ok(Self {
            program,
            lane,
            pid: None,
            slot,
            control,
            delivered: Delivered::default(),
            page: PageReader::map(&page_fd)?,
            page_fd,
            pipes: Vec::new(),
            ready: false,
            schedule: Schedule::default(),
            stillness: Stillness::default(),
            leaving: false,
            killed: false,
            zygote: false,
            keeps_records: false,
            column: None,
        })
    }

    /// Returns whose its pipes are; `None` where it never existed.
    pub(crate) fn source(&self) -> Option<Source> {
        Some(Source { program: self.program, lane: self.lane, pid: number_of(self.pid?) })
    }
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// exit(2) with this status.
    Exit(i32),
    /// A signal.
    Signal(i32),
}

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSYS: i32 = 31;

impl End {
    /// Reads the status that waitpid(2) returns for a process that is gone.
    pub(crate) fn of(status: WaitStatus) -> Self {
        status.exit_status().map_or_else(|| Self::Signal(status.terminating_signal().unwrap_or(0)), Self::Exit)
    }

    /// Returns whether it is a crash, which is throttled. SIGKILL from outside is none.
    pub(crate) const fn own_fault(self) -> bool {
        !matches!(self, Self::Exit(0) | Self::Signal(SIGKILL))
    }

    /// Returns whether a stage exits like that when a peer is gone; with nothing under way that is
    /// an exit like any other.
    pub(crate) const fn follows_another(self) -> bool {
        matches!(self, Self::Exit(0 | fosse_die::EXIT_TEMPORARY))
    }

    /// Returns whether seccomp ended it. In trap mode the handler exits with 159 (128 + SIGSYS).
    pub(crate) const fn sandbox_violation(self) -> bool {
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

/// An exit, as it is reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    pub program: Program,
    pub lane: Option<u32>,
    pub pid: Option<Pid>,
    pub end: End,
}

/// Returns a process ID as messages carry it.
pub(crate) fn number_of(pid: Pid) -> u32 {
    pid.as_raw_nonzero().get().unsigned_abs()
}

/// Returns the process ID that a message carries; `None` where it is none.
pub(crate) fn pid_of(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}
