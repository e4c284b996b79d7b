//! The fork server: a process in empty namespaces that starts, at start's command, the programs
//! that need no network, no files and no IPC of the host. Its children are start's children
//! (CLONE_PARENT).
//!
//! One unshare serves all of them: a network namespace for each would cost milliseconds and memory
//! a lane cannot spare.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary, warning};
use fosse_lockdown::{Mode, launcher::lock_launcher};
use fosse_sys::process::Fork;
use fosse_wire::start::ToStart;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Pid, Signal},
};

use crate::{PROGRAM, launch::namespaces};

/// start's end of the fork server.
#[derive(Debug)]
pub(crate) struct ForkServer {
    /// Its process.
    pub pid: Pid,
    /// Launches go out, replies come in.
    pub channel: OwnedFd,
}

impl ForkServer {
    /// Makes a place for one that is taken over.
    ///
    /// # Errors
    /// The error of socketpair(2).
    pub(crate) fn none() -> Result<Self, Errno> {
        let (channel, _) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok(Self { pid: rustix::process::getpid(), channel })
    }

    /// Forks the fork server. It empties its namespaces (where the kernel lets it) and waits.
    ///
    /// # Errors
    /// The error of socketpair(2) or fork(2).
    pub(crate) fn open(privileged: bool, mode: Mode) -> Result<Self, Errno> {
        let (channel, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match fosse_sys::process::fork()? {
            Fork::Parent(pid) => Ok(Self { pid, channel }),
            Fork::Child => {
                drop(channel);
                run(&other, privileged, mode)
            }
        }
    }

    /// Returns the next reply, if one is waiting. Without the fork server start cannot go on.
    pub(crate) fn next_reply(&self) -> Option<ToStart> {
        fosse_spawn::next_reply(&self.channel)
            .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("fork server is gone: {errno}")))
    }
}

/// Runs the fork server; returns in none of its processes.
fn run(channel: &OwnedFd, privileged: bool, mode: Mode) -> ! {
    // Neither can fail with these arguments (prctl(2)). The fork server reads launches, and ends at
    // the end of its channel too.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = rustix::thread::set_name(c"fosse-forks");
    if privileged {
        if let Err(errno) = namespaces::empty() {
            warning(PROGRAM, format_args!("namespaces are not available on this system ({errno}): without them"));
        }
        namespaces::keep_spawn_capabilities().unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    if mode != Mode::Off {
        lock_launcher(mode).unwrap_or_else(|refusal| fatal(PROGRAM, refusal));
    }
    if fosse_fdpass::send(channel, &ToStart::Ready.encode(), &[]).is_err() {
        fosse_sys::process::exit_now(fosse_die::EXIT_TEMPORARY);
    }
    let mut child = fosse_spawn::serve(PROGRAM, channel, 1, None, || ());
    if child.fds.is_empty() {
        temporary(PROGRAM, "fork server: launch without a program");
    }
    let program = child.fds.remove(0);
    fosse_spawn::execute(PROGRAM, &child.launch(), &program, &child.fds)
}
