//! What fosse-keys may do after lock-down: hear fosse-tls and reply to it. It opens nothing, knows
//! no network, and maps no memory that could hold code.

use fosse_lockdown::{Args, Cond, Limit, Policy, Resource, Row, call};

/// FUTEX_WAKE with FUTEX_PRIVATE_FLAG (futex(2))
const FUTEX_WAKE_PRIVATE: u32 = 129;

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-keys",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "tls may not read at once what it is greeted with"),
        Row::seen(call::RECVMSG, Args::Any, "questions, and orders of start"),
        Row::seen(call::SENDMSG, Args::Any, "signatures, and readiness to start"),
        Row::seen(
            call::FUTEX,
            Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
            "pthread_once of the library: there is one thread, so it wakes nobody",
        ),
    ],
    limits: &[Limit { resource: Resource::RLIMIT_NOFILE, max: 32, reason: "what it was given, and no more" }],
    ..Policy::NOTHING
};
