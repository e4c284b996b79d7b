//! The rights of fosse-load once it is locked: to open, list and read below the directories it was
//! given, and to write the bundle. seccomp cannot see paths: Landlock and RESOLVE_BENEATH decide
//! which files can be opened.

use fosse_lockdown::{Args, Limit, Parent, Policy, Resource, Row, call};

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::OPENAT2, Args::Any, "the job: opens below a directory, and cannot leave it"),
        Row::seen(call::GETDENTS64, Args::Any, "files that a pattern names"),
    ],
    reach: &[],
    limits: &[
        Limit { resource: Resource::RLIMIT_NOFILE, max: 64, reason: "one file at a time, and the directories" },
        Limit {
            resource: Resource::RLIMIT_CPU,
            max: 120,
            reason: "a million addresses take seconds; longer is a loop",
        },
        Limit {
            resource: Resource::RLIMIT_AS,
            max: 8 << 30,
            reason: "address lists of a million entries for some listeners",
        },
    ],
    parent: Parent::DieWith,
};
