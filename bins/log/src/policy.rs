//! What fosse-log may do after lock-down: read pipes, write lines.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-log",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "pipes come and go"),
        Row::seen(call::PPOLL, Args::Any, "is there room for a line?"),
        Row::seen(call::RECVMSG, Args::Any, "pipes from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
