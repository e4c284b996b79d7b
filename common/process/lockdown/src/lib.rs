//! The lock on the door: `enter(&POLICY, mode)` takes away identity, privileges, files and system
//! calls, in an order in which each step still can be taken, verifies what can be verified, and
//! returns the token without which no outside byte can be opened.
//!
//! The order, and why: umask and limits first (they need nothing); capabilities and UID while there
//! still is the right to drop them; dumpable and parent-death signal after the UID (a change of
//! credentials resets both); no_new_privs before Landlock and seccomp, which need it; seccomp last,
//! as it forbids everything before.
//!
//! Descriptors are closed by `fosse_inherit` before this.

#![forbid(unsafe_code)]

mod base;
pub mod call;
pub mod capabilities;
pub mod identity;
mod landlocked;
pub mod launcher;
mod limits;
mod mode;
mod policy;
mod refusal;
mod seccomp;
mod token;

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;

use rustix::process::set_parent_process_death_signal;
use rustix::process::{DumpableBehavior, Signal, dumpable_behavior, getppid, set_dumpable_behavior};

pub use base::BASE;
pub use call::Call;
pub use mode::Mode;
pub use policy::{Args, Cond, Limit, Parent, Policy, Reach, Resource, Row, Why};
pub use refusal::{ORDINARY_USER_SAID, Refusal, Report};
pub use token::{Locked, Sealed};

use refusal::Attempt;

/// A directory or file opened before the lock that stays readable by path beneath it.
pub(crate) type Grant<'a> = BorrowedFd<'a>;

/// Locks this process down and prints one warning line for everything this kernel lacks. If a part
/// is missing that may not be, prints one fatal line and exits: 100 where no restart can help, 111
/// otherwise.
pub fn enter(policy: &Policy, mode: Mode) -> Locked {
    enter_with(policy, mode, &[])
}

/// Does the same as [`enter`] with directories that stay readable: for programs whose one job is to
/// read below a directory given by descriptor at start.
pub fn enter_with(policy: &Policy, mode: Mode, readable: &[Grant<'_>]) -> Locked {
    match try_enter(policy, mode, readable) {
        Ok((locked, report)) => {
            report.print(policy.program);
            locked
        }
        Err(refusal) => refusal.die(policy.program),
    }
}

/// Does the same as [`enter_with`] and leaves the report to the caller. After an error some steps
/// have been taken and the process can only end.
pub fn try_enter(policy: &Policy, mode: Mode, readable: &[Grant<'_>]) -> Result<(Locked, Report), Refusal> {
    let mut report = Report::default();
    if mode == Mode::Off {
        report.sandbox_is_off();
        return Ok((Locked::token(), report));
    }
    if !fosse_sys::process::is_single_threaded() {
        return Err(Refusal::new("one thread", "the process already has others, which would stay unlocked"));
    }
    warm_up();
    // Before the death signal is set: where the parent dies in between, the comparison below shows
    // it.
    let parent = getppid();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    limits::set(policy.limits)?;
    identity::leave(&mut report)?;
    // After the change of user: a change of credentials resets this flag and the death signal.
    hide_memory()?;
    if policy.parent == Parent::DieWith {
        set_parent_process_death_signal(Some(Signal::KILL)).attempt("parent death signal")?;
        if getppid() != parent {
            // A moment later the signal would have come. Nobody is left to be told more.
            let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
            return Err(Refusal::new("parent death signal", "the parent is already gone"));
        }
    }
    rustix::thread::set_no_new_privs(true).attempt("no_new_privs")?;
    if !rustix::thread::no_new_privs().attempt("no_new_privs")? {
        return Err(Refusal::new("no_new_privs", "the kernel did not keep it"));
    }
    landlocked::restrict(policy.reach, readable, &mut report);
    if mode == Mode::Strict && report.is_degraded() {
        return Err(report.as_refusal());
    }
    seccomp::install(policy, mode)?;
    Ok((Locked::token(), report))
}

/// The TCP sockets that a process may still bind once it knows whom it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// None.
    Nothing,
    /// Those that get an address and no port: connections from it. Its policy needs
    /// [`Reach::BindTcp`].
    Addresses,
}

/// Narrows the second layer of a locked process once more, now that it has read which TCP ports it
/// is to connect to: to these alone, and to what it may `bind`. Its policy needs
/// [`Reach::ConnectTcp`] and the calls of Landlock, with which a process can only lose rights.
///
/// # Errors
/// Where a kernel that restricts ports does not take these.
pub fn connect_to_ports(_: Locked, mode: Mode, ports: &BTreeSet<u16>, bind: Bind) -> Result<(), Refusal> {
    if mode == Mode::Off {
        return Ok(());
    }
    landlocked::connect_to_ports(ports, bind).map_err(|error| Refusal::new("TCP ports", error.to_string()))
}

/// Applies the second layer alone, with TCP ports where the program narrows it to some, for the
/// canary's table of it. Not for programs.
pub fn landlock_alone(policy: &Policy, ports: Option<&BTreeSet<u16>>) -> Result<Report, Refusal> {
    let mut report = Report::default();
    rustix::thread::set_no_new_privs(true).attempt("no_new_privs")?;
    landlocked::restrict(policy.reach, &[], &mut report);
    ports.map_or(Ok(()), |ports| connect_to_ports(Locked::token(), Mode::Default, ports, Bind::Addresses))?;
    Ok(report)
}

/// Applies the first layer alone, for the canary's table of it. Not for programs.
pub fn seccomp_alone(policy: &Policy, mode: Mode) -> Result<(), Refusal> {
    seccomp::install(policy, mode)
}

fn warm_up() {
    // rustix looks for the vDSO at its first question for the time, by prctl(PR_GET_AUXV) or
    // (before Linux 6.4) /proc/self/auxv: now, because afterwards both end the process. Where it
    // finds none it asks by system call. The time itself is of no use here.
    let _ = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
}

/// Keeps other processes of this UID from ptrace(2) and /proc/PID/mem, and the kernel from core
/// dumps.
fn hide_memory() -> Result<(), Refusal> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).attempt("dumpable")?;
    match dumpable_behavior().attempt("dumpable")? {
        DumpableBehavior::NotDumpable => Ok(()),
        _ => Err(Refusal::new("dumpable", "the kernel did not keep it")),
    }
}
