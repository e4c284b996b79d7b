//! Signals as descriptors: blocked, and read from a signalfd in the event loop.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

pub use nix::sys::signal::Signal;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, sigaction, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::io::Errno;

/// Blocked signals, waiting to be read.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks `signals` and opens a nonblocking, close-on-exec signalfd for them.
    pub fn block(signals: &[Signal]) -> Result<Signals, Errno> {
        let set: SigSet = signals.iter().copied().collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None).map_err(errno)?;
        SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(Signals).map_err(errno)
    }

    /// Returns the next signal that has arrived, if any.
    pub fn next(&self) -> Result<Option<Signal>, Errno> {
        let Some(info) = self.0.read_signal().map_err(errno)? else { return Ok(None) };
        Ok(i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Has this process, and what it executes, ignore the signals that a terminal sends to everybody in
/// its foreground: SIGINT, SIGQUIT and SIGHUP are for the one who leads.
pub fn ignore_terminal() -> Result<(), Errno> {
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP] {
        let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler of ours runs, and none was set before that anything depends on.
        unsafe { sigaction(signal, &ignore) }.map_err(errno)?;
    }
    Ok(())
}

/// Unblocks every signal: for a child between fork and exec, as the mask survives both.
pub fn unblock_all() -> Result<(), Errno> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).map_err(errno)
}

fn errno(errno: nix::errno::Errno) -> Errno {
    Errno::from_raw_os_error(errno as i32)
}

/// Has a system call that a seccomp filter traps print
/// `PROGRAM: alert: sandbox violation: NAME (NUMBER)` and end the process with 159 (128 + SIGSYS).
/// For development.
/// `name_of` is called in a signal handler and must only look up.
pub fn report_forbidden_calls(program: &'static str, name_of: fn(i64) -> &'static str) -> Result<(), Errno> {
    // A second call changes nothing: the handler reads the first.
    let _ = REPORTER.set((program, name_of));
    let handler = SigHandler::SigAction(on_forbidden_call);
    let action = SigAction::new(handler, SaFlags::SA_SIGINFO, SigSet::empty());
    // SAFETY: the handler only reads a OnceLock that is already set, formats into its own stack and
    // calls write(2) and _exit(2), all of which are async-signal-safe; it never returns to the
    // interrupted code.
    unsafe { sigaction(Signal::SIGSYS, &action) }.map(drop).map_err(errno)
}

/// Name of the program, and the function that knows the names of calls.
type Reporter = (&'static str, fn(i64) -> &'static str);

static REPORTER: OnceLock<Reporter> = OnceLock::new();

extern "C" fn on_forbidden_call(_signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel passes a siginfo of 128 bytes; for SIGSYS it holds the call's number as an
    // int at byte 24 (after three ints, padding and the address of the call; sigaction(2), same on
    // x86_64 and aarch64).
    let number = unsafe { info.cast::<u8>().add(24).cast::<i32>().read() };
    let (program, name_of) = REPORTER.get().copied().unwrap_or(("fosse", |_| "unknown"));
    let name = name_of(i64::from(number));
    crate::panic::last_line(format_args!("{program}: alert: sandbox violation: {name} ({number})"));
    crate::process::exit_now(159)
}
