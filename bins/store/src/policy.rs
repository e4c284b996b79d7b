//! What fosse-store may do after lock-down: hear filters and reply to them.

use fosse_lockdown::{Args, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-store",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "filters come and go"),
        Row::seen(call::RECVFROM, Args::Any, "what filters want and change"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "records"),
        Row::seen(call::RECVMSG, Args::Any, "filters from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
