//! What fosse-certs may do after lock-down: read what it was given, write the images. It opens
//! nothing.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

/// FUTEX_WAKE with FUTEX_PRIVATE_FLAG (futex(2))
const FUTEX_WAKE_PRIVATE: u32 = 129;

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[Row::seen(
        call::FUTEX,
        Args::All(&[Cond::Is(1, FUTEX_WAKE_PRIVATE)]),
        "pthread_once of the library: there is one thread, so it wakes nobody",
    )],
    limits: &[
        Limit { resource: Resource::RLIMIT_NOFILE, max: 16, reason: "what it was given, and no more" },
        Limit { resource: Resource::RLIMIT_CPU, max: 120, reason: "20,000 keys of RSA take seconds; longer is a loop" },
        Limit { resource: Resource::RLIMIT_AS, max: 4 << 30, reason: "all files, and two images of them" },
    ],
    parent: Parent::DieWith,
    ..Policy::NOTHING
};
