//! One cell of the table: a process that locks itself down, tries one action, and ends.

use std::{collections::BTreeSet, fmt};

use fosse_lockdown::{
    Bind, Mode, Policy, Refusal, capabilities, connect_to_ports, identity, landlock_alone, launcher, seccomp_alone,
    try_enter,
};
use fosse_sys::process::{Fork, exit_now, fork};
use rustix::io::Errno;
use rustix::process::{WaitOptions, waitpid};

use crate::action::Action;
use crate::fixture::Fixture;
use crate::programs::Program;

/// Exit status of an attempt whose action was done. Errno values are all below.
pub(crate) const ALLOWED: i32 = 200;
/// Exit status of an attempt that could not be locked down.
const NOT_LOCKED: i32 = 201;

/// The layers that are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layers {
    /// All, as the program has them.
    Full,
    /// UID and Landlock.
    LandlockOnly,
    /// UID and seccomp.
    SeccompOnly,
    /// Only the UID: shows that the actions work.
    None,
    /// Root with the few capabilities and the filter of fosse-start (but not in its fork server's
    /// empty namespaces).
    Launcher,
}

impl Layers {
    /// Those that are asked for by an option.
    pub(crate) const ALL: [Layers; 4] = [Layers::LandlockOnly, Layers::SeccompOnly, Layers::None, Layers::Launcher];

    /// Returns the option that asks for it.
    #[must_use]
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Layers::Full => "--full",
            Layers::LandlockOnly => "--landlock-only",
            Layers::SeccompOnly => "--seccomp-only",
            Layers::None => "--no-layers",
            Layers::Launcher => "--launcher",
        }
    }
}

/// The outcome of one action. Ordered from strict to loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The process was ended by SIGSYS.
    Killed,
    /// The action was refused with an errno.
    Refused(Errno),
    /// The process ended otherwise (a fault, mostly): the action was not done.
    Broken(i32),
    /// The action was done.
    Allowed,
}

impl Outcome {
    /// Returns whether the kernel has no such call, or has it switched off.
    pub(crate) fn is_missing(self) -> bool {
        matches!(self, Outcome::Refused(Errno::NOSYS | Errno::OPNOTSUPP))
    }

    /// Returns 0 where it is killed, 1 where it is refused in some way, 2 where it is allowed.
    #[must_use]
    pub(crate) const fn looseness(self) -> u8 {
        match self {
            Outcome::Killed => 0,
            Outcome::Refused(_) | Outcome::Broken(_) => 1,
            Outcome::Allowed => 2,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Outcome::Killed => "killed".to_owned(),
            Outcome::Refused(errno) => name(*errno),
            Outcome::Broken(signal) => format!("signal{signal}"),
            Outcome::Allowed => "ALLOWED".to_owned(),
        };
        f.pad(&text)
    }
}

/// Runs one action under one program's policy with the given layers.
///
/// # Errors
/// The kernel refuses to fork, or the lock cannot be put on: then the whole table would mean
/// nothing.
pub(crate) fn run(program: &Program, action: &Action, fixture: &Fixture, layers: Layers) -> Result<Outcome, String> {
    match fork().map_err(|errno| format!("fork: {errno}"))? {
        Fork::Child => exit_now(child(program, action, fixture, layers)),
        Fork::Parent(pid) => {
            let ended = waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| format!("wait: {errno}"))?;
            let (_, status) = ended.ok_or("wait: nothing")?;
            fixture.reset().map_err(|error| format!("unable to tidy up: {error}"))?;
            outcome(status.exit_status(), status.terminating_signal())
        }
    }
}

/// Locks a child down, which prints everything that this kernel lacks. Returns whether that is
/// anything. In strict mode the child may refuse instead, which ends this program with the same
/// status.
///
/// # Errors
/// The kernel refuses to fork.
pub(crate) fn announce(program: &'static str, mode: Mode) -> Result<bool, String> {
    let nothing = Policy { program, ..Policy::NOTHING };
    match fork().map_err(|errno| format!("fork: {errno}"))? {
        Fork::Child => {
            let locked = try_enter(&nothing, mode, &[]);
            let (_, report) = locked.unwrap_or_else(|refusal| fosse_die::fatal(program, refusal));
            report.print(program);
            exit_now(i32::from(report.is_degraded()))
        }
        Fork::Parent(pid) => {
            let ended = waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| format!("wait: {errno}"))?;
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(false),
                Some(1) => Ok(true),
                Some(fosse_die::EXIT_PERMANENT) => exit_now(fosse_die::EXIT_PERMANENT),
                other => Err(format!("the announcing child ended with {other:?}")),
            }
        }
    }
}

fn child(program: &Program, action: &Action, fixture: &Fixture, layers: Layers) -> i32 {
    if let Err(errno) = fixture.give() {
        eprintln!("{}: unable to make its descriptors: {errno}", program.policy.program);
        return NOT_LOCKED;
    }
    if let Err(refusal) = build(program, layers, fixture) {
        eprintln!("{}: {refusal}", program.policy.program);
        return NOT_LOCKED;
    }
    match action.attempt(fixture) {
        Ok(()) => ALLOWED,
        Err(errno) => errno.raw_os_error(),
    }
}

fn build(program: &Program, layers: Layers, fixture: &Fixture) -> Result<(), Refusal> {
    // The port of a server in its table.
    let ports = program.has_ports.then(|| BTreeSet::from([fixture.tcp.port()]));
    if layers == Layers::Full {
        let (locked, _) = try_enter(program.policy, Mode::Default, &[])?;
        return ports.map_or(Ok(()), |ports| connect_to_ports(locked, Mode::Default, &ports, Bind::Addresses));
    }
    if layers == Layers::Launcher {
        return launch();
    }
    if rustix::process::geteuid().is_root() {
        identity::become_user(identity::NOBODY, identity::NOBODY)?;
    }
    match layers {
        Layers::LandlockOnly => landlock_alone(program.policy, ports.as_ref()).map(drop),
        Layers::SeccompOnly => seccomp_alone(program.policy, Mode::Default),
        Layers::Full | Layers::None | Layers::Launcher => Ok(()),
    }
}

/// Becomes root as it is left in fosse-start, which makes and ends processes of other users, binds
/// low ports, and makes socket files with an owner and a mode.
fn launch() -> Result<(), Refusal> {
    if rustix::process::geteuid().is_root() {
        capabilities::keep(capabilities::START)?;
    }
    launcher::lock_launcher(Mode::Default)
}

fn outcome(status: Option<i32>, signal: Option<i32>) -> Result<Outcome, String> {
    const SIGSYS: i32 = 31;
    match (status, signal) {
        (_, Some(SIGSYS)) => Ok(Outcome::Killed),
        (_, Some(signal)) => Ok(Outcome::Broken(signal)),
        (Some(ALLOWED), _) => Ok(Outcome::Allowed),
        (Some(errno @ 1..ALLOWED), _) => Ok(Outcome::Refused(Errno::from_raw_os_error(errno))),
        _ => Err("an attempt could not be locked down".to_owned()),
    }
}

fn name(errno: Errno) -> String {
    nix::errno::Errno::from_raw(errno.raw_os_error()).to_string().split(':').next().unwrap_or("E?").to_owned()
}
