//! What fosse-parse-h2 may do once it is locked: move bytes and descriptors on sockets it was
//! given.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

const SOL_SOCKET: u32 = 1;
const SO_LINGER: u32 = 13;

/// Number of descriptors: more connections than any lane is configured for.
const FDS_MAX: u64 = 1 << 17;

/// The policy. Hot calls go by number alone, so that the kernel decides from its bitmap.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_CTL, Args::Any, "clients come and go"),
        Row::seen(call::EPOLL_PWAIT, Args::Any, "a turn waits for the next event"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering gives the core to the next stage of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "bytes of clients and frames of the ring"),
        Row::seen(
            call::SENDTO,
            Args::Any,
            "bytes for clients and the ring; all sockets here are connected, none can be made",
        ),
        Row::seen(call::RECVMSG, Args::Any, "connections from accept, messages from start"),
        Row::seen(call::SENDMSG, Args::Any, "messages for accept and start"),
        Row::platform(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_LINGER)]),
            "SO_LINGER: an end that is no reset, of clients without TLS (bins/parse-h2/tests)",
        ),
        Row::platform(call::SHUTDOWN, Args::Any, "GOAWAY before the end of their connections (bins/parse-h2/tests)"),
    ],
    reach: &[],
    limits: &[Limit {
        resource: Resource::RLIMIT_NOFILE,
        max: FDS_MAX,
        reason: "one for each connection of the lane; too few would drop passed sockets silently",
    }],
    parent: Parent::DieWith,
};
