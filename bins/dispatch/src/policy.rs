//! The system calls that fosse-dispatch may make after lock-down. It has neither socket nor
//! connect: fosse-connect hands it sockets.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-dispatch",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "backend connections come and go"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering: the core goes to a peer of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "frames and backend responses"),
        Row::seen(
            call::SENDTO,
            Args::All(&[fosse_lockdown::Cond::IsLong(4, 0)]),
            "frames and requests, on connected sockets only: no address can be given",
        ),
        Row::seen(call::SPLICE, Args::Any, "kept bodies: pages of the cache's memory into a pipe, and out to a client"),
        Row::seen(call::SHUTDOWN, Args::Any, "the end of one direction of an upgraded connection"),
        Row::seen(call::RECVMSG, Args::Any, "client sockets from parse, backend sockets from connect"),
        Row::seen(call::SENDMSG, Args::Any, "asks to connect, readiness to start"),
    ],
    ..Policy::NOTHING
};
