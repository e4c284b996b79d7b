//! What fosse-status may do after lock-down: take connections on the socket it was given, read
//! requests, write responses.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-status",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "clients come and go"),
        Row::seen(call::ACCEPT4, Args::Any, "clients, on the one listening socket it holds"),
        Row::seen(call::RECVFROM, Args::Any, "requests"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "responses"),
        Row::seen(call::RECVMSG, Args::Any, "pages from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
