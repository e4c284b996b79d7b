//! Making, replacing and ending processes.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::Pid;

/// The side of a fork that this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fork {
    /// The process that was there before, with the new process's id.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Forks by libc's fork(2), which keeps its own locks usable in the child. With other threads
/// running the child may find any other lock held for ever, so programs of the suite call this
/// while they have one thread.
pub fn fork() -> Result<Fork, Errno> {
    // SAFETY: libc's fork takes no pointers; memory in the child is a copy, and libc's allocator
    // locks are reset by it.
    let pid = unsafe { libc::fork() };
    side(libc::c_long::from(pid))
}

/// Forks by clone(2) with `CLONE_PARENT | SIGCHLD`: the new process is a sibling, a child of this
/// process's parent, which reaps it. `EBUSY` if this process ever had a second thread: libc's locks
/// are not prepared for this way of forking.
pub fn clone_parent() -> Result<Fork, Errno> {
    if !is_single_threaded() {
        return Err(Errno::BUSY);
    }
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
    // SAFETY: no CLONE_VM and a null stack, so the child runs on a copy of this stack as after
    // fork; the other arguments are null and unused without their flags; with one thread no lock
    // can be held by somebody else. (All trailing arguments are zero, so the differing order on
    // x86_64 and aarch64 does not matter.)
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    side(pid)
}

/// Replaces this process by the program that `program` is open on (an O_PATH descriptor is enough).
/// Returns only on failure.
pub fn execveat(program: BorrowedFd<'_>, argv: &[CString], envp: &[CString]) -> Errno {
    let flags = nix::fcntl::AtFlags::AT_EMPTY_PATH;
    match nix::unistd::execveat(program, c"", argv, envp, flags) {
        Err(errno) => Errno::from_raw_os_error(errno as i32),
        Ok(never) => match never {},
    }
}

/// Returns a descriptor for a process that is still a child of this one (close-on-exec, readable
/// once the process has ended).
pub fn pidfd_open(pid: Pid) -> Result<std::os::fd::OwnedFd, Errno> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
}

/// Returns the cores this process may run on (sched_getaffinity(2)), counted from 0; none where the
/// kernel does not say.
pub fn cores() -> Vec<u32> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return Vec::new() };
    let is_in = |core: &u32| usize::try_from(*core).is_ok_and(|at| set.is_set(at));
    (0..u32::try_from(rustix::thread::CpuSet::MAX_CPU).unwrap_or(0)).filter(is_in).collect()
}

/// Pins `pid` (or this process) to one core, counted from 0.
pub fn pin(pid: Option<Pid>, core: usize) -> Result<(), Errno> {
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(Errno::INVAL);
    }
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(pid, &set)
}

/// The scheduling policy of a process that is none of real time (sched(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `SCHED_OTHER`: one that wakes up may take the core from one that runs.
    Other,
    /// `SCHED_BATCH`: one that wakes up waits until the one that runs sleeps or has had its slice.
    Batch,
}

/// Sets the scheduling policy of `pid` (sched_setscheduler(2)). Another user's process needs
/// `CAP_SYS_NICE`.
///
/// # Errors
/// `ESRCH` where there is no such process, `EPERM`.
pub fn set_policy(pid: Pid, policy: Policy) -> Result<(), Errno> {
    let policy = match policy {
        Policy::Other => libc::SCHED_OTHER,
        Policy::Batch => libc::SCHED_BATCH,
    };
    let param = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads one sched_param, which lives until the call returns.
    let result = unsafe { libc::sched_setscheduler(pid.as_raw_nonzero().get(), policy, &raw const param) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Sets the nice value of `pid` (setpriority(2)), -20 to 19. To lower one, or to set another
/// user's, needs `CAP_SYS_NICE`.
///
/// # Errors
/// `ESRCH` where there is no such process, `EPERM`, `EACCES`.
pub fn set_nice(pid: Pid, nice: i32) -> Result<(), Errno> {
    rustix::process::setpriority_process(Some(pid), nice)
}

/// Returns the CPU time that `pid` has used since its start.
///
/// # Errors
/// `EINVAL` where there is no such process.
pub fn cpu_time(pid: Pid) -> Result<Duration, Errno> {
    // MAKE_PROCESS_CPUCLOCK of linux/posix-timers.h. clock_getcpuclockid(3) makes the same number
    // after a system call of its own.
    let clock = (!pid.as_raw_nonzero().get() << 3) | 2;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which lives until the call returns.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if result != 0 {
        return Err(last_errno());
    }
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    seconds.ok().zip(nanoseconds.ok()).map(|(s, ns)| Duration::new(s, ns)).ok_or(Errno::OVERFLOW)
}

/// Leaves the network, IPC and mount namespaces of the parent (unshare(2)), before any thread
/// exists.
pub fn unshare_namespaces() -> Result<(), Errno> {
    use nix::sched::{CloneFlags, unshare};
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWNS;
    unshare(flags).map_err(|errno| Errno::from_raw_os_error(errno as i32))
}

/// Exits at once: no destructors, no flush, no exit handlers. One system call.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit takes an integer and does not return.
    unsafe { libc::_exit(status) }
}

/// Returns whether this process has never had a second thread, as libc knows.
pub fn is_single_threaded() -> bool {
    unsafe extern "C" {
        static __libc_single_threaded: libc::c_char;
    }
    // SAFETY: glibc (2.32 and later) defines this byte; only glibc's thread functions write it,
    // before a second thread can run.
    let flag = unsafe { std::ptr::addr_of!(__libc_single_threaded).read_volatile() };
    flag != 0
}

pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

fn side(result: libc::c_long) -> Result<Fork, Errno> {
    if result < 0 {
        return Err(last_errno());
    }
    let pid = i32::try_from(result).map_err(|_| Errno::OVERFLOW)?;
    Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent))
}
