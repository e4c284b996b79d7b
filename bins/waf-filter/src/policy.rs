//! The system calls that fosse-waf-filter may make after lock-down: frames in, frames out.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-waf-filter",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "a blocked output is watched"),
        Row::seen(call::SCHED_YIELD, Args::Any, "lingering: the core goes to a peer of the lane"),
        Row::seen(call::RECVFROM, Args::Any, "frames"),
        Row::seen(call::SENDTO, Args::All(&[Cond::IsLong(4, 0)]), "frames, on the connected pair only"),
        Row::seen(call::RECVMSG, Args::Any, "what start says"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
    ],
    ..Policy::NOTHING
};
