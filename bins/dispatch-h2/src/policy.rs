//! What fosse-dispatch-h2 may do once it is locked: make pairs, move bytes on sockets, and pass
//! them on.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

const AF_UNIX: u32 = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC: u32 = 1 | 0o4000 | 0o2_000_000;

/// Number of descriptors: one for each exchange that dispatch may have, and the connections.
const FDS_MAX: u64 = 1 << 17;

/// The policy. Hot calls go by number alone, so that the kernel decides from its bitmap.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_CTL, Args::Any, "exchanges and connections come and go"),
        Row::seen(call::EPOLL_PWAIT, Args::Any, "a turn waits for the next event"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering gives the core to the next program of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "bytes of dispatch and of servers"),
        Row::seen(
            call::SENDTO,
            Args::Any,
            "bytes for both; all sockets here are connected, none can be made but pairs",
        ),
        Row::seen(call::RECVMSG, Args::Any, "connections from connect, messages from start"),
        Row::seen(call::SENDMSG, Args::Any, "pairs for connect, messages for start"),
        Row::seen(
            call::SOCKETPAIR,
            Args::All(&[Cond::Is(0, AF_UNIX), Cond::Is(1, SOCK_STREAM_NONBLOCK_CLOEXEC), Cond::Is(2, 0)]),
            "the two ends of an exchange: dispatch gets the other",
        ),
    ],
    reach: &[],
    limits: &[Limit {
        resource: Resource::RLIMIT_NOFILE,
        max: FDS_MAX,
        reason: "two for each exchange of the lane while it is made; too few would drop passed sockets silently",
    }],
    parent: Parent::DieWith,
};
