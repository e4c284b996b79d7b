//! What fosse-status may do after lock-down: take connections on the socket it was given, read
//! requests, write responses.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

/// The level of socket options, and the option that is the peer's credentials (socket(7)).
const SOL_SOCKET: u32 = 1;
const SO_PEERCRED: u32 = 17;

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-status",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "clients come and go"),
        Row::seen(call::ACCEPT4, Args::Any, "clients, on the one listening socket it holds"),
        Row::seen(call::RECVFROM, Args::Any, "requests"),
        Row::seen(
            call::GETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_PEERCRED)]),
            "the user who runs the edge, and the one who wants a server changed",
        ),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "responses"),
        Row::seen(call::RECVMSG, Args::Any, "pages from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
