//! What fosse-acme may do after lock-down: speak over connections that it is given, and keep one
//! file. It has neither socket nor connect, and opens nothing.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

const FUTEX_WAKE_PRIVATE: u32 = 1 | 128;

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "connections come and go"),
        Row::seen(call::RECVMSG, Args::Any, "sockets from connect, orders of start"),
        Row::seen(call::SENDMSG, Args::Any, "asks to connect and start"),
        Row::seen(call::RECVFROM, Args::Any, "records of authorities, their questions"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "records for authorities, proofs; on connected sockets only"),
        Row::seen(call::PWRITE64, Args::Any, "the state, chains for start"),
        Row::seen(call::FDATASYNC, Args::Any, "the state is on the disk before it counts"),
        Row::seen(
            call::FUTEX,
            Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
            "the end of what the library of ciphers makes at its first use: it wakes nobody",
        ),
    ],
    ..Policy::NOTHING
};
