//! The filter of programs that make other programs: start, its fork server, zygotes. Everything
//! they start inherits it beneath its own, much narrower filter, so it names what making processes
//! needs, what locking down needs, and what the programs may do once they are locked. What it does
//! not name ends the process.
//!
//! start's other layers are its capabilities (identity, ends, ownership; never SYS_ADMIN, PTRACE or
//! NET_ADMIN) and that it reads no byte of a stranger. A filter stays for life: a later version
//! that needs a call that is not here cannot run below a start that runs already, so before an
//! upgrade in place the new one is asked whether it [`fits`].

use crate::call::{self, Call};
use crate::mode::Mode;
use crate::policy::{Args, Cond, Row};
use crate::refusal::{Attempt, Refusal};

const PROT_EXEC: u32 = 4;
/// Every CLONE_NEW flag: namespaces are emptied once, before this filter.
const CLONE_NEW: u32 = 0x7e02_0080;
/// Set-user-ID, set-group-ID and sticky.
const SPECIAL_MODE: u32 = 0o7000;
/// FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE (fallocate(2)).
const KEEP_SIZE_PUNCH_HOLE: u32 = 3;
const FIONBIO: u32 = 0x5421;
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_TYPE: u32 = 0xf;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
/// FUTEX_WAKE with FUTEX_PRIVATE_FLAG (futex(2))
const FUTEX_WAKE_PRIVATE: u32 = 129;
/// sched(7)
const SCHED_OTHER: u32 = 0;
const SCHED_BATCH: u32 = 3;
/// sys/resource.h
const PRIO_PROCESS: u32 = 0;
/// The greatest process ID. As kill(2) reads it, a greater number is negative: a group, or all
/// processes.
const PID_MAX: u32 = 0x7fff_ffff;

/// The system calls of a launcher and of everything below it. Calls that are hot in a lane have no
/// conditions here: the programs' own policies have them, and for a call without any the kernel
/// asks its bitmap instead of the filter.
pub const LAUNCHER: &[Row] = &[
    // Memory.
    Row::seen(call::BRK, Args::Any, "malloc"),
    Row::seen(call::MMAP, Args::All(&[Cond::Lacks(2, PROT_EXEC)]), "malloc, counter pages; never new code"),
    Row::seen(call::MPROTECT, Args::All(&[Cond::Lacks(2, PROT_EXEC)]), "relocations made read-only; guard pages"),
    Row::seen(call::MUNMAP, Args::Any, "free"),
    Row::platform(call::MREMAP, Args::Any, "realloc of large blocks"),
    Row::seen(call::MADVISE, Args::Any, "pages that are not needed again go back"),
    Row::seen(call::MLOCK, Args::Any, "keys and certs, before their lock: private keys stay off the disk"),
    // Descriptors and files.
    Row::seen(call::READ, Args::Any, "the configuration, the plan, accounts"),
    Row::seen(call::WRITE, Args::Any, "messages, memory files, readiness"),
    Row::seen(call::PREAD64, Args::Any, "sealed memory files"),
    Row::seen(call::PWRITE64, Args::Any, "spool: bodies into its file; cache: responses into its own"),
    Row::seen(call::FDATASYNC, Args::Any, "cache: what was purged stays so"),
    Row::seen(call::FLOCK, Args::Any, "the files of a cache have one edge"),
    Row::seen(
        call::FALLOCATE,
        Args::All(&[Cond::Is(1, KEEP_SIZE_PUNCH_HOLE)]),
        "spool: the disk gets back what is not used any more",
    ),
    Row::seen(call::FSTATFS, Args::Any, "a spool in memory is none, nor a cache"),
    Row::seen(call::LSEEK, Args::Any, "std asks for a file's length"),
    Row::seen(call::CLOSE, Args::Any, "descriptors are dropped"),
    Row::seen(call::CLOSE_RANGE, Args::Any, "a child keeps what its table names"),
    Row::seen(call::FCNTL, Args::Any, "close-on-exec, seals, copies under other numbers"),
    Row::seen(call::DUP2, Args::Any, "descriptors put under their numbers before exec"),
    Row::platform(call::DUP3, Args::Any, "the same where there is no dup2"),
    Row::seen(call::IOCTL, Args::All(&[Cond::Is(1, FIONBIO)]), "a pipe is read without waiting"),
    Row::seen(call::FSTAT, Args::Any, "what a descriptor is"),
    Row::seen(call::STATX, Args::Any, "lengths of files"),
    Row::platform(call::NEWFSTATAT, Args::Any, "fstat where libc makes it so"),
    Row::seen(call::OPENAT, Args::Any, "programs, accounts, log files, rule directories"),
    Row::seen(call::OPENAT2, Args::Any, "load: below a directory, and never out of it"),
    Row::seen(call::OPEN, Args::Any, "the same, by libc's old name"),
    Row::seen(call::GETDENTS64, Args::Any, "load: files that a pattern names"),
    Row::seen(call::READLINK, Args::Any, "libc asks at its start where it lies"),
    Row::seen(call::GETCWD, Args::Any, "a configuration named by a relative path, after an upgrade"),
    Row::platform(call::READLINKAT, Args::Any, "the same where there is no readlink"),
    Row::seen(call::MEMFD_CREATE, Args::Any, "blobs, bundles and counter pages"),
    Row::seen(call::FTRUNCATE, Args::Any, "the length of a counter page"),
    Row::seen(call::PIPE2, Args::Any, "log pipes, what a one-shot writes"),
    Row::seen(call::UMASK, Args::Any, "socket files are made with no right but the owner's"),
    Row::seen(
        call::FCHMODAT,
        Args::All(&[Cond::Lacks(2, SPECIAL_MODE)]),
        "the mode of a socket file; never set-user-ID",
    ),
    Row::seen(call::CHOWN, Args::Any, "its owner"),
    Row::platform(call::FCHOWNAT, Args::Any, "the same where there is no chown"),
    Row::seen(call::UNLINK, Args::Any, "socket files that are used no more"),
    Row::platform(call::UNLINKAT, Args::Any, "the same where there is no unlink; what is left in the store"),
    Row::seen(call::RENAMEAT, Args::Any, "the store: a certificate takes the place of the one before whole"),
    // Sockets.
    Row::seen(
        call::SOCKET,
        Args::All(&[Cond::Is(0, AF_UNIX)]),
        "listeners; connect's backends; the supervisor's socket",
    ),
    Row::seen(
        call::SOCKET,
        Args::All(&[Cond::Is(0, AF_INET), Cond::Masked(1, SOCK_TYPE, SOCK_STREAM), Cond::AtMost(2, 6)]),
        "listeners and backends; no multipath",
    ),
    Row::seen(
        call::SOCKET,
        Args::All(&[Cond::Is(0, AF_INET6), Cond::Masked(1, SOCK_TYPE, SOCK_STREAM), Cond::AtMost(2, 6)]),
        "the same",
    ),
    Row::seen(
        call::SOCKET,
        Args::All(&[Cond::Is(0, AF_INET), Cond::Masked(1, SOCK_TYPE, SOCK_DGRAM), Cond::Is(2, 0)]),
        "resolve: questions to name servers; protocol 0 is UDP, never ICMP",
    ),
    Row::seen(
        call::SOCKET,
        Args::All(&[Cond::Is(0, AF_INET6), Cond::Masked(1, SOCK_TYPE, SOCK_DGRAM), Cond::Is(2, 0)]),
        "the same",
    ),
    Row::seen(call::SOCKETPAIR, Args::All(&[Cond::Is(0, AF_UNIX)]), "rings and channels"),
    Row::seen(call::BIND, Args::Any, "listeners"),
    Row::seen(call::LISTEN, Args::Any, "listeners"),
    Row::seen(call::CONNECT, Args::Any, "connect's one job; is a socket file in use?"),
    Row::seen(call::ACCEPT4, Args::Any, "accept's one job"),
    Row::seen(call::SHUTDOWN, Args::Any, "parse and dispatch: the end of one direction"),
    Row::seen(call::GETPEERNAME, Args::Any, "accept: a socket that comes back must be the one that went"),
    Row::platform(call::GETSOCKNAME, Args::Any, "is a socket that a supervisor hands over the one that is configured?"),
    Row::seen(call::GETSOCKOPT, Args::Any, "what kind of socket a descriptor is"),
    Row::seen(call::SETSOCKOPT, Args::Any, "listeners and their sockets"),
    Row::seen(call::SENDMSG, Args::Any, "descriptors and messages; hot"),
    Row::seen(call::RECVMSG, Args::Any, "the same; hot"),
    Row::seen(call::SENDFILE, Args::Any, "static: large files"),
    Row::seen(call::SPLICE, Args::Any, "dispatch: kept bodies"),
    Row::seen(call::SENDTO, Args::Any, "a lane's bytes; hot"),
    Row::seen(call::RECVFROM, Args::Any, "the same; hot"),
    // Waiting.
    Row::seen(call::EPOLL_CREATE1, Args::Any, "a loop's descriptor, made before the lock"),
    Row::seen(call::EPOLL_CTL, Args::Any, "what is watched"),
    Row::seen(call::EPOLL_PWAIT, Args::Any, "every loop; hot"),
    Row::seen(call::PPOLL, Args::Any, "the fork server waits; log asks for room"),
    Row::seen(call::POLL, Args::Any, "Rust looks at descriptors 0 to 2 at its start"),
    Row::seen(call::SCHED_YIELD, Args::Any, "lingering; hot"),
    Row::platform(call::CLOCK_GETTIME, Args::Any, "CPU time of a child; and where the vDSO has no clock"),
    Row::platform(call::RESTART_SYSCALL, Args::Any, "the kernel resumes a sleep with it"),
    Row::seen(
        call::FUTEX,
        Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
        "tls, keys and certs: what their library does once wakes nobody, and never waits",
    ),
    // Making processes and ending.
    Row::seen(call::CLONE, Args::All(&[Cond::Lacks(0, CLONE_NEW)]), "making processes; no namespace comes with one"),
    Row::seen(call::EXECVEAT, Args::Any, "programs are executed by descriptor"),
    Row::seen(call::WAIT4, Args::Any, "a child's exit is a message"),
    Row::seen(
        call::KILL,
        // 0 is the caller's own group, a negative number another, -1 everybody (kill(2)).
        Args::All(&[Cond::AtLeast(0, 1), Cond::AtMost(0, PID_MAX)]),
        "what hangs is ended: one process, never a group",
    ),
    Row::seen(call::SIGNALFD4, Args::Any, "start after an upgrade"),
    Row::seen(call::EXIT_GROUP, Args::Any, "exit"),
    Row::seen(call::SCHED_GETAFFINITY, Args::Any, "how many cores there are"),
    Row::seen(call::SCHED_SETAFFINITY, Args::All(&[Cond::Is(0, 0)]), "a lane lives on one core; each pins itself"),
    Row::seen(
        call::SCHED_SETSCHEDULER,
        Args::All(&[Cond::Is(1, SCHED_OTHER)]),
        "what wakes up runs at once, where it is a program with little to do",
    ),
    Row::seen(
        call::SCHED_SETSCHEDULER,
        Args::All(&[Cond::Is(1, SCHED_BATCH)]),
        "a busy program lets others finish; never a policy of real time",
    ),
    Row::seen(call::SETPRIORITY, Args::All(&[Cond::Is(0, PRIO_PROCESS)]), "the same; never a group or a user"),
    Row::platform(call::TGKILL, Args::Any, "abort; each program's own filter lets it signal itself alone"),
    Row::seen(call::GETPID, Args::Any, "a child's own number"),
    Row::platform(call::GETTID, Args::Any, "abort asks for the thread to signal"),
    Row::seen(call::RT_SIGACTION, Args::Any, "Rust and libc at their start"),
    Row::seen(call::RT_SIGPROCMASK, Args::Any, "the same; signals that come as a descriptor"),
    Row::platform(call::RT_SIGRETURN, Args::Any, "return from a handler"),
    Row::seen(call::SIGALTSTACK, Args::Any, "Rust's signal stack"),
    // What libc does before main.
    Row::seen(call::ARCH_PRCTL, Args::Any, "thread-local memory"),
    Row::seen(call::SET_TID_ADDRESS, Args::Any, "libc at its start"),
    Row::seen(call::SET_ROBUST_LIST, Args::Any, "the same, and after fork"),
    Row::seen(call::RSEQ, Args::Any, "libc at its start"),
    Row::seen(call::GETRANDOM, Args::Any, "libc at its start; seeds of hash maps"),
    // Locking down: each step, and each look whether it held.
    Row::seen(call::PRCTL, Args::Any, "capabilities given up one by one, no_new_privs, death with the parent"),
    Row::seen(call::PRLIMIT64, Args::Any, "limits, lowered"),
    Row::seen(call::CAPGET, Args::Any, "what is left?"),
    Row::seen(call::CAPSET, Args::Any, "nothing"),
    Row::seen(call::SETGROUPS, Args::Any, "no groups"),
    Row::seen(call::SETRESGID, Args::Any, "its own group"),
    Row::seen(call::SETRESUID, Args::Any, "its own user"),
    Row::seen(call::GETGROUPS, Args::Any, "did that hold?"),
    Row::seen(call::GETRESGID, Args::Any, "did that hold?"),
    Row::seen(call::GETRESUID, Args::Any, "did that hold?"),
    Row::seen(call::GETEUID, Args::Any, "start after an upgrade: root or not?"),
    Row::seen(call::GETPPID, Args::Any, "the parent may have died before the death signal was set"),
    Row::seen(call::LANDLOCK_CREATE_RULESET, Args::Any, "the second layer"),
    Row::seen(call::LANDLOCK_ADD_RULE, Args::Any, "the second layer"),
    Row::seen(call::LANDLOCK_RESTRICT_SELF, Args::Any, "the second layer"),
    Row::seen(call::SECCOMP, Args::Any, "the first layer, each program's own above this one"),
];

/// Gives up everything else, for this process and all it starts. clone3 is not there because its
/// flags lie in memory, where no filter sees them; libc forks with clone.
///
/// # Errors
/// Where the kernel has no seccomp or no_new_privs; a launcher does not run without.
pub fn lock_launcher(mode: Mode) -> Result<(), Refusal> {
    rustix::thread::set_no_new_privs(true).attempt("no_new_privs")?;
    crate::seccomp::install_launcher(LAUNCHER, mode)
}

/// Returns the numbers of all calls in the list, for the start that may come after this one.
#[must_use]
pub fn numbers() -> String {
    let numbers = LAUNCHER.iter().filter(|row| row.call.number >= 0).map(|row| row.call.number.to_string());
    numbers.collect::<Vec<_>>().join(",")
}

/// Checks whether this version can run below the launcher that [`numbers`] came from.
///
/// # Errors
/// The name of the first call that is not there.
pub fn fits(numbers: &str) -> Result<(), &'static str> {
    let there: Vec<i64> = numbers.split(',').filter_map(|number| number.parse().ok()).collect();
    let missing = LAUNCHER.iter().find(|row| row.call.number >= 0 && !there.contains(&row.call.number));
    missing.map_or(Ok(()), |row| Err(row.call.name))
}

/// Returns whether a launcher lets a call through at all.
#[must_use]
pub fn permits(call: Call) -> bool {
    call.number < 0 || LAUNCHER.iter().any(|row| row.call == call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BASE;

    #[test]
    fn a_launcher_permits_what_every_program_may_do() {
        for row in BASE {
            assert!(permits(row.call), "{}", row.call.name);
        }
    }

    #[test]
    fn a_version_fits_below_its_own_list_and_not_below_a_shorter_one() {
        assert_eq!(fits(&numbers()), Ok(()));
        let shorter = numbers().replace(&format!(",{},", call::GETCWD.number), ",");
        assert_eq!((fits(&shorter), fits("")), (Err("getcwd"), Err("brk")));
    }

    #[test]
    fn no_row_is_there_twice() {
        let mut rows: Vec<String> = LAUNCHER.iter().map(|row| format!("{} {:?}", row.call.name, row.args)).collect();
        rows.sort_unstable();
        let all = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), all);
    }

    #[test]
    fn a_launcher_makes_no_namespace_and_reads_no_other_process() {
        for number in [
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_pidfd_getfd,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_clone3,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
            libc::SYS_execve,
        ] {
            assert!(LAUNCHER.iter().all(|row| row.call.number != number), "{number}");
        }
    }
}
