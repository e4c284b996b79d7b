//! What fosse-parse may do once it is locked: move bytes and descriptors on sockets it was given.

use fosse_lockdown::{Args, Parent, Policy, Row, call};

/// Numbers only, so that the kernel answers from its bitmap: every one of these is on the hot path or harmless on the
/// descriptors that are there.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_CTL, Args::Any, "clients come and go"),
        Row::seen(call::EPOLL_PWAIT, Args::Any, "a turn waits for the next event"),
        Row::seen(call::EPOLL_WAIT, Args::Any, "the same, as rustix calls it on x86_64"),
        Row::platform(call::EPOLL_PWAIT2, Args::Any, "the same on kernels that have it"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering gives the core to a neighbour of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "bytes of clients and frames of the ring"),
        Row::seen(
            call::SENDTO,
            Args::Any,
            "bytes for clients and the ring; all sockets here are connected, none can be made",
        ),
        Row::seen(call::RECVMSG, Args::Any, "connections from accept, orders from start"),
        Row::seen(call::SENDMSG, Args::Any, "sockets for dispatch, news for accept and start"),
        Row::seen(call::SETSOCKOPT, Args::Any, "SO_LINGER: a connection that is killed ends in a reset"),
        Row::seen(call::SHUTDOWN, Args::Any, "the end of an answer before the end of the connection"),
    ],
    reach: &[],
    limits: &[],
    parent: Parent::DieWith,
};
