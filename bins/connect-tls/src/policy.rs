//! The system calls that fosse-connect-tls may make after lock-down: it moves bytes between sockets
//! that it was given, and makes pairs for the plaintext, which lead nowhere but to whom it gives an
//! end. It reads what servers say before it is known who they are, so it has neither `socket` nor
//! `connect`.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

const AF_UNIX: u32 = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC: u32 = 1 | 0o4000 | 0o2_000_000;
const FUTEX_WAKE_PRIVATE: u32 = 1 | 128;
const SOL_SOCKET: u32 = 1;
const SO_SNDBUF: u32 = 7;

/// Number of descriptors: two for each connection to a server of any lane that is configured.
const FDS_MAX: u64 = 1 << 18;

/// The policy. Hot calls go by number alone, so that the kernel decides from its bitmap.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_CTL, Args::Any, "connections come and go"),
        Row::seen(call::EPOLL_PWAIT, Args::Any, "a turn waits for the next event"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering gives the core to the next program of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "records of servers, plaintext of dispatch"),
        Row::seen(call::SENDTO, Args::Any, "the same; all sockets here are connected"),
        Row::seen(call::RECVMSG, Args::Any, "connected sockets of connect, orders"),
        Row::seen(call::SENDMSG, Args::Any, "replies to connect, readiness"),
        Row::seen(
            call::SOCKETPAIR,
            Args::All(&[Cond::Is(0, AF_UNIX), Cond::Is(1, SOCK_STREAM_NONBLOCK_CLOEXEC), Cond::Is(2, 0)]),
            "the plaintext of a connection",
        ),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_SNDBUF)]),
            "how much plaintext waits in the kernel",
        ),
        Row::seen(call::SHUTDOWN, Args::Any, "that a server has said all it has to say, and that dispatch has"),
        Row::seen(
            call::FUTEX,
            Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
            "the end of what the library of ciphers makes at its first use: it wakes nobody",
        ),
    ],
    reach: &[],
    limits: &[Limit {
        resource: Resource::RLIMIT_NOFILE,
        max: FDS_MAX,
        reason: "two for each connection to a server; too few would drop passed sockets silently",
    }],
    parent: Parent::DieWith,
};
