//! From the command line to the lock.

use std::{os::fd::BorrowedFd, rc::Rc};

use fosse_args::{Args, Usage};
use fosse_counters::Counters;
use fosse_die::temporary;
use fosse_eventloop::EventLoop;
use fosse_inherit::{Descriptors, Expected, inherit};
use fosse_lockdown::{Mode, Policy, enter_with};

use crate::{COUNTERS_FD, Given, Process, START_FD, start::Start};

/// A program as data.
#[derive(Debug)]
pub struct Spec {
    /// The command line; it has the options of the sandbox.
    pub usage: &'static Usage,
    /// The rights of the program after the lock; the policy's name is the program's.
    pub policy: &'static Policy,
    /// Every descriptor the program inherits: the configuration is 5, the counter page 6, start 7.
    pub descriptors: &'static [Expected],
    /// It is on the data path: the loop lingers for its peers before it sleeps.
    pub lingers: bool,
}

/// A program that has read the options common to all.
#[derive(Debug)]
pub struct Startup {
    /// The command line.
    pub args: Args,
    spec: &'static Spec,
    descriptors: &'static [Expected],
    mode: Mode,
}

impl Startup {
    /// Sets the panic hook and reads the command line: of `--sandbox-strict`, `--sandbox-trap` and
    /// `--no-sandbox` the strictest counts; without any, FOSSE_SANDBOX decides. Ends the program
    /// where a word is wrong, or help is asked for.
    #[must_use]
    pub fn of_process(spec: &'static Spec) -> Self {
        fosse_sys::panic::panic_hook(spec.policy.program);
        let args = Args::of_process(spec.usage);
        let mode = Mode::from_options(|option| args.has(option));
        Self { args, spec, descriptors: spec.descriptors, mode }
    }

    /// Inherits these descriptors in place of those of the [`Spec`]: for the second job of a
    /// program, in a shell.
    #[must_use]
    pub fn with_descriptors(self, descriptors: &'static [Expected]) -> Self {
        Self { descriptors, ..self }
    }

    /// Takes another mode, for the process that a zygote forks: it is told its own.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Takes over the descriptors of the table and makes what the lock forbids to make. Ends the
    /// program with exit status 100 where a descriptor is missing or wrong.
    #[must_use]
    pub fn inherit(self) -> Inherited {
        let program = self.spec.policy.program;
        let mut descriptors = inherit(program, self.descriptors);
        let event_loop =
            EventLoop::new().unwrap_or_else(|errno| temporary(program, format_args!("unable to make epoll: {errno}")));
        let start = Start(descriptors.optional(START_FD));
        Inherited {
            counters: Rc::new(fosse_inherit::counters(program, &mut descriptors, COUNTERS_FD)),
            event_loop: if self.spec.lingers { event_loop } else { event_loop.without_linger() },
            descriptors,
            start,
            spec: self.spec,
            mode: self.mode,
        }
    }
}

/// A program that has its descriptors and has read nothing from them.
#[derive(Debug)]
pub struct Inherited {
    /// The descriptors of the table, by number.
    pub descriptors: Descriptors,
    spec: &'static Spec,
    mode: Mode,
    event_loop: EventLoop,
    counters: Rc<Counters>,
    start: Start,
}

impl Inherited {
    /// Returns whether there is a conversation with start; there is none in a shell.
    #[must_use]
    pub const fn has_start(&self) -> bool {
        self.start.0.is_some()
    }

    /// Locks the process down. Ends the program where the sandbox is not as strict as it has to be.
    #[must_use]
    pub fn lock(self) -> (Process, Given) {
        self.lock_with(&[])
    }

    /// Locks the process down as [`lock`](Self::lock) does, but for reading below these
    /// directories.
    #[must_use]
    pub fn lock_with(self, readable: &[BorrowedFd<'_>]) -> (Process, Given) {
        let Self { descriptors, spec, mode, event_loop, counters, start } = self;
        let program = spec.policy.program;
        let locked = enter_with(spec.policy, mode, readable);
        (Process { event_loop, counters, program, start }, Given { program, descriptors, locked, mode })
    }
}
