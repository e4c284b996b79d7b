//! What fosse-keygen may do after lock-down: compute, and write what it has made.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

/// FUTEX_WAKE with FUTEX_PRIVATE_FLAG (futex(2))
const FUTEX_WAKE_PRIVATE: u32 = 129;

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::FDATASYNC, Args::Any, "a key is on the disk before anybody asks for its certificate"),
        Row::seen(
            call::FUTEX,
            Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
            "pthread_once of the library: there is one thread, so it wakes nobody",
        ),
    ],
    limits: &[
        Limit { resource: Resource::RLIMIT_NOFILE, max: 16, reason: "what it was given, and no more" },
        Limit {
            resource: Resource::RLIMIT_CPU,
            max: 60,
            reason: "a key of RSA with 4096 bits takes a second, a few at worst",
        },
        Limit { resource: Resource::RLIMIT_AS, max: 1 << 30, reason: "a key, and a request" },
    ],
    parent: Parent::DieWith,
    ..Policy::NOTHING
};
