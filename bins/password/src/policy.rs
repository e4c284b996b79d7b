//! What fosse-password may do after lock-down: hear dispatches and reply to them.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-password",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "dispatches come and go"),
        Row::seen(call::RECVFROM, Args::Any, "passwords to be checked"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "results"),
        Row::seen(call::RECVMSG, Args::Any, "dispatches from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
