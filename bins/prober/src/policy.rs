//! What fosse-prober may do after lock-down: write requests to connections it is given, and read
//! the responses. It has neither socket nor connect.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-prober",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "checks come and go"),
        Row::seen(call::RECVMSG, Args::Any, "sockets from connect, orders of start"),
        Row::seen(call::RECVFROM, Args::Any, "responses to checks"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "requests, on connected sockets only"),
        Row::seen(call::SENDMSG, Args::Any, "asks to connect, readiness to start"),
    ],
    ..Policy::NOTHING
};
