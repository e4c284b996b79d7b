//! What fosse-config may do once it is locked: read, compute, write, end. Not one call beyond the
//! base.

use fosse_lockdown::{Limit, Parent, Policy, Resource};

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[],
    reach: &[],
    limits: &[
        Limit { resource: Resource::RLIMIT_NOFILE, max: 16, reason: "nothing is opened any more" },
        Limit { resource: Resource::RLIMIT_CPU, max: 60, reason: "10,000 sites take a second; longer is a loop" },
        Limit { resource: Resource::RLIMIT_AS, max: 2 << 30, reason: "4 MiB of text take at most 1 GiB to refuse" },
    ],
    parent: Parent::DieWith,
};
