//! The state of a reload: the step that is under way, and whether another is wanted after it.

use std::os::fd::OwnedFd;

use fosse_die::warning;
use fosse_eventloop::slab::Key;
use fosse_plan::Plan;

use crate::{
    PROGRAM,
    generation::{Generation, TlsImages},
    sockets::socket::Open,
};

/// The step of a reload that is under way.
#[derive(Debug, Default)]
pub(crate) enum ReloadState {
    /// None.
    #[default]
    Idle,
    /// A one-shot runs and its output is being read: first fosse-config, then fosse-load, and
    /// fosse-certs where there are certificates. Where the configuration includes files, the first
    /// two run twice.
    Compiling(Box<Compilation>),
    /// For `--check` alone, in place of all that follows: the rules of what is checked are being
    /// compiled.
    Checking,
    /// The lanes of the new generation are being started, and the accept that is to serve them.
    Lanes {
        /// The generation and the listeners before, to go back to.
        before: Box<(Generation, Vec<Open>)>,
    },
    /// The old accept is asked to leave, then the new one is given what it had.
    Accept {
        /// Listeners that are not used any more once the new accept is there.
        before: Vec<Open>,
    },
}

/// A one-shot and what it has written.
#[derive(Debug)]
pub(crate) struct Compilation {
    /// Its process; `None` once it has exited with 0.
    pub process: Option<Key>,
    /// Its output; `None` after the end of that.
    pub out: Option<OwnedFd>,
    pub bytes: Vec<u8>,
    /// The plan, once fosse-config has made it and fosse-load runs.
    pub plan: Option<Plan>,
    /// The configuration, as long as fosse-config may have to read it again, with the files that it
    /// includes.
    pub configuration: Option<OwnedFd>,
    /// The generation, once fosse-load is done and fosse-certs runs, and the images that it fills.
    pub certified: Option<Certified>,
    /// Ticks of start that it may still take.
    pub ticks_left: u64,
}

/// A generation whose certificates are being read, and the images of them.
pub(crate) type Certified = Box<(Generation, TlsImages)>;

/// The whole output of a one-shot.
#[derive(Debug)]
pub(crate) struct Output {
    pub bytes: Vec<u8>,
    /// The plan that fosse-load was run for; none of fosse-config.
    pub plan: Option<Plan>,
    /// As in [`Compilation`].
    pub configuration: Option<OwnedFd>,
    /// As in [`Compilation`].
    pub certified: Option<Certified>,
}

/// The reload that is under way, and the one that is wanted after it.
#[derive(Debug, Default)]
pub(crate) struct Reload {
    pub state: ReloadState,
    /// SIGHUP came while another reload was under way.
    pub wanted: bool,
    /// The last failure is one that no restart can cure.
    pub permanent: bool,
    /// The things that it could not put in force, with their reasons.
    pub not_in_force: Vec<String>,
    /// The first reason of this turn for which it failed.
    pub failed: Option<String>,
}

impl Reload {
    /// Notes and reports that it serves without something that the configuration asks for.
    pub(crate) fn leave_out(&mut self, why: String) {
        warning(PROGRAM, format_args!("event=not-in-force why=\"{why}\""));
        self.not_in_force.push(why);
    }

    /// Notes that it failed: it is rolled back at the end of this turn.
    pub(crate) fn fail(&mut self, why: impl Into<String>) {
        self.failed.get_or_insert_with(|| why.into());
    }

    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.state, ReloadState::Idle)
    }

    pub(crate) const fn waits_for_lanes(&self) -> bool {
        matches!(self.state, ReloadState::Lanes { .. })
    }

    pub(crate) const fn waits_for_accept(&self) -> bool {
        matches!(self.state, ReloadState::Accept { .. })
    }

    pub(crate) const fn is_check(&self) -> bool {
        matches!(self.state, ReloadState::Checking)
    }

    /// Takes the output of a one-shot that has exited with 0, once all of it is here, and what it
    /// was run for.
    pub(crate) fn take_output(&mut self) -> Option<Output> {
        let ReloadState::Compiling(compilation) = &mut self.state else { return None };
        if compilation.process.is_some() || compilation.out.is_some() {
            return None;
        }
        Some(Output {
            bytes: std::mem::take(&mut compilation.bytes),
            plan: compilation.plan.take(),
            configuration: compilation.configuration.take(),
            certified: compilation.certified.take(),
        })
    }
}
