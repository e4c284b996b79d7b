//! One cell of the table: a process that locks itself down, does one thing, and ends.

use std::fmt;

use fosse_lockdown::capabilities::{self, Capability};
use fosse_lockdown::{Mode, Policy, Refusal, identity, landlock_alone, launcher, seccomp_alone, try_enter};
use fosse_sys::process::{Fork, exit_now, fork};
use rustix::io::Errno;
use rustix::process::{WaitOptions, waitpid};

use crate::action::Action;
use crate::programs::Program;
use crate::stage::Stage;

/// Exit status of a trial whose action was done. Errno values are all below.
pub const ALLOWED: i32 = 200;
/// Exit status of a trial that could not be locked down.
const NOT_LOCKED: i32 = 201;

/// Which walls stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walls {
    /// All, as the program stands behind.
    Full,
    /// UID and Landlock.
    LandlockOnly,
    /// UID and seccomp.
    SeccompOnly,
    /// Only the UID: shows that the actions would work.
    None,
    /// Root with the few capabilities of fosse-start behind what start gives up (but not in its
    /// empty namespaces).
    Launcher,
}

impl Walls {
    /// All that are asked for by an option.
    pub const ALL: [Walls; 4] = [Walls::LandlockOnly, Walls::SeccompOnly, Walls::None, Walls::Launcher];

    /// The option that asks for it.
    #[must_use]
    pub const fn option(self) -> &'static str {
        match self {
            Walls::Full => "--full",
            Walls::LandlockOnly => "--landlock-only",
            Walls::SeccompOnly => "--seccomp-only",
            Walls::None => "--no-walls",
            Walls::Launcher => "--launcher",
        }
    }
}

/// What came of one action. Ordered from strict to loose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
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
    /// How loose: 0 killed, 1 refused in some way, 2 allowed.
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

/// Runs one action under one program's policy behind the given walls.
///
/// # Errors
/// Where the kernel refuses to fork or the lock cannot be put on: then the whole table would mean
/// nothing.
pub fn run(program: &Program, action: &Action, stage: &Stage, walls: Walls) -> Result<Outcome, String> {
    match fork().map_err(|errno| format!("fork: {errno}"))? {
        Fork::Child => exit_now(child(program, action, stage, walls)),
        Fork::Parent(pid) => {
            let ended = waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| format!("wait: {errno}"))?;
            let (_, status) = ended.ok_or("wait: nothing")?;
            stage.reset().map_err(|error| format!("unable to tidy up: {error}"))?;
            outcome(status.exit_status(), status.terminating_signal())
        }
    }
}

/// Locks a child down and lets it say what this kernel lacks; whether that is anything. In strict
/// mode the child may refuse instead, which ends this program with the same status.
///
/// # Errors
/// Where the kernel refuses to fork.
pub fn announce(program: &'static str, mode: Mode) -> Result<bool, String> {
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

fn child(program: &Program, action: &Action, stage: &Stage, walls: Walls) -> i32 {
    if let Err(errno) = stage.deal() {
        eprintln!("{}: unable to deal: {errno}", program.policy.program);
        return NOT_LOCKED;
    }
    if let Err(refusal) = build(program, walls) {
        eprintln!("{}: {refusal}", program.policy.program);
        return NOT_LOCKED;
    }
    match action.attempt(stage) {
        Ok(()) => ALLOWED,
        Err(errno) => errno.raw_os_error(),
    }
}

fn build(program: &Program, walls: Walls) -> Result<(), Refusal> {
    if walls == Walls::Full {
        return try_enter(program.policy, Mode::Default, &[]).map(drop);
    }
    if walls == Walls::Launcher {
        return launch();
    }
    if rustix::process::geteuid().is_root() {
        identity::become_user(identity::NOBODY, identity::NOBODY)?;
    }
    match walls {
        Walls::LandlockOnly => landlock_alone(program.policy).map(drop),
        Walls::SeccompOnly => seccomp_alone(program.policy, Mode::Default),
        Walls::Full | Walls::None | Walls::Launcher => Ok(()),
    }
}

/// What is left of root in fosse-start: other users' processes and their ends, low ports, socket
/// files with an owner and a mode.
fn launch() -> Result<(), Refusal> {
    if rustix::process::geteuid().is_root() {
        capabilities::keep(&[
            Capability::CAP_SETUID,
            Capability::CAP_SETGID,
            Capability::CAP_SETPCAP,
            Capability::CAP_KILL,
            Capability::CAP_NET_BIND_SERVICE,
            Capability::CAP_CHOWN,
            Capability::CAP_FOWNER,
            Capability::CAP_DAC_OVERRIDE,
        ])?;
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
        _ => Err("a trial could not be locked down".to_owned()),
    }
}

fn name(errno: Errno) -> String {
    nix::errno::Errno::from_raw(errno.raw_os_error()).to_string().split(':').next().unwrap_or("E?").to_owned()
}
