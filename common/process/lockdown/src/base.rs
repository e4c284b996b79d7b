//! The calls every program may make (none opens, names or creates anything), and what no program
//! may do with any.

use crate::call::{self, Call};
use crate::policy::{Args, Cond, Row};

const F_GETFD: u32 = 1;
const F_GET_SEALS: u32 = 1034;
const PROT_EXEC: u32 = 4;
const MADV_DONTNEED: u32 = 4;
const MSG_FASTOPEN: u32 = 0x2000_0000;
const SIGBUS: u32 = 7;
const SIGSEGV: u32 = 11;

/// The calls every program may make after the lock is on: moving bytes on descriptors it was given,
/// memory that is not executable, the clock, and dying in an orderly way. Measured with static
/// glibc 2.36 and Rust 1.95.
pub const BASE: &[Row] = &[
    Row::seen(call::READ, Args::Any, "every program reads what it was given"),
    Row::seen(call::WRITE, Args::Any, "every program logs on fd 2"),
    Row::seen(call::CLOSE, Args::Any, "descriptors are dropped"),
    Row::seen(call::FCNTL, Args::All(&[Cond::Is(1, F_GET_SEALS)]), "a configuration must be a sealed memfd"),
    Row::seen(call::FSTAT, Args::Any, "its length"),
    Row::seen(call::PREAD64, Args::Any, "its bytes"),
    Row::platform(call::FCNTL, Args::All(&[Cond::Is(1, F_GETFD)]), "builds with assertions check what they close"),
    Row::platform(call::MMAP, Args::Any, "malloc of 128 KiB and more"),
    Row::platform(call::MUNMAP, Args::Any, "free of such a block; Rust's signal stack at exit"),
    Row::platform(call::MREMAP, Args::Any, "realloc of such a block"),
    Row::platform(call::BRK, Args::Any, "malloc of less"),
    Row::platform(
        call::MADVISE,
        Args::All(&[Cond::Is(2, MADV_DONTNEED)]),
        "malloc_trim: pages between what is in use go back after a flood",
    ),
    Row::platform(call::CLOCK_GETTIME, Args::Any, "where the vDSO has no clock; it falls back silently"),
    Row::platform(call::GETRANDOM, Args::Any, "seeds of the first HashMap"),
    Row::platform(call::RESTART_SYSCALL, Args::Any, "the kernel resumes a sleep after SIGSTOP and SIGCONT with it"),
    Row::platform(call::SIGALTSTACK, Args::Any, "Rust takes its signal stack down when main returns"),
    Row::platform(call::RT_SIGACTION, Args::All(&[Cond::Is(0, SIGSEGV)]), "Rust hands a plain fault to the kernel"),
    Row::platform(call::RT_SIGACTION, Args::All(&[Cond::Is(0, SIGBUS)]), "the same for a bus error"),
    Row::platform(call::RT_SIGRETURN, Args::Any, "return from that handler"),
    Row::platform(call::RT_SIGPROCMASK, Args::Any, "abort unblocks SIGABRT"),
    Row::platform(call::GETTID, Args::Any, "abort asks for the thread to signal"),
    Row::platform(call::GETPID, Args::Any, "abort asks for the process to signal"),
    Row::platform(call::TGKILL, Args::All(&[Cond::OwnPid(0)]), "abort signals itself, and nobody else"),
    Row::platform(call::EXIT_GROUP, Args::Any, "exit"),
];

/// A condition that joins every row for a call, whatever the row says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// The call.
    pub call: Call,
    /// The condition.
    pub condition: Cond,
    /// The reason that there is no exception.
    #[expect(dead_code, reason = "for who reads the table")]
    pub reason: &'static str,
}

/// Conditions that hold for every policy, even with [`Args::Any`].
pub(crate) const FLOOR: &[Floor] = &[
    Floor { call: call::MMAP, condition: Cond::Lacks(2, PROT_EXEC), reason: "no program brings new code in" },
    Floor { call: call::MPROTECT, condition: Cond::Lacks(2, PROT_EXEC), reason: "no program turns data into code" },
    Floor { call: call::SENDTO, condition: Cond::Lacks(3, MSG_FASTOPEN), reason: "it is a connect by another name" },
    Floor { call: call::SENDTO, condition: Cond::IsLong(4, 0), reason: "every socket of the suite has its one peer" },
    Floor { call: call::SENDMSG, condition: Cond::Lacks(2, MSG_FASTOPEN), reason: "it is a connect by another name" },
];
