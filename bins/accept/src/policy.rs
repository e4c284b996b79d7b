//! What fosse-accept may do once it is locked. No socket, connect, bind or listen: it lives on what
//! start hands it.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

const SOL_SOCKET: u32 = 1;
const SO_LINGER: u32 = 13;
const SO_SNDBUF: u32 = 7;
const IPPROTO_TCP: u32 = 6;
const TCP_NODELAY: u32 = 1;
const TCP_DEFER_ACCEPT: u32 = 9;
const F_DUPFD_CLOEXEC: u32 = 1030;

/// Descriptors at once: all that wait, a batch each for 256 lanes, the lists and channels;
/// connections themselves are only passed through.
const FDS_MAX: u64 = 20_000;

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::ACCEPT4, Args::Any, "the job; hot, so without conditions"),
        Row::seen(call::SENDMSG, Args::Any, "batches to lanes; hot"),
        Row::seen(call::RECVMSG, Args::Any, "records from lanes, orders from start; hot"),
        Row::seen(call::EPOLL_PWAIT, Args::Any, "waiting, as rustix does it on every architecture; hot"),
        Row::seen(call::EPOLL_CTL, Args::Any, "watches what start adds"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering before a sleep makes batches"),
        Row::seen(call::GETSOCKOPT, Args::All(&[Cond::Is(1, SOL_SOCKET)]), "what kind of socket came; a peer's UID"),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_LINGER)]),
            "on listeners: an aborted response is a reset; on idle connections at the end: not so",
        ),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_SNDBUF)]),
            "bounds what a stopped lane can swallow",
        ),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, IPPROTO_TCP), Cond::Is(2, TCP_NODELAY)]),
            "on listeners; the sockets they accept inherit it",
        ),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, IPPROTO_TCP), Cond::Is(2, TCP_DEFER_ACCEPT)]),
            "on listeners: a connection is reported with its first bytes",
        ),
        Row::seen(call::GETPEERNAME, Args::Any, "a socket that comes back must be the one that went"),
        Row::seen(
            call::FCNTL,
            Args::All(&[Cond::Is(1, F_DUPFD_CLOEXEC)]),
            "the descriptor in reserve, and its replacement after EMFILE",
        ),
    ],
    reach: &[],
    limits: &[Limit { resource: Resource::RLIMIT_NOFILE, max: FDS_MAX, reason: "batches under way; see FDS_MAX" }],
    parent: Parent::DieWith,
};
