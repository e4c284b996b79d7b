//! The system calls that fosse-encode may make after lock-down: it moves bytes between the sockets
//! it was given, and nothing else.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-encode",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "the inputs are watched, and a blocked output"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering: the core goes to a peer of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "frames"),
        Row::seen(call::SENDTO, Args::All(&[Cond::IsLong(4, 0)]), "frames, on the connected pairs only"),
        Row::seen(call::RECVMSG, Args::Any, "what start says"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
