//! What fosse-frames may do once it is locked: read fd 0, write fd 1. Every program may do that, so
//! there is nothing to add.

use fosse_lockdown::{Limit, Parent, Policy, Resource};

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    limits: &[Limit {
        resource: Resource::RLIMIT_NOFILE,
        max: 4,
        reason: "in, out, log, and the one that puts up the second wall",
    }],
    parent: Parent::Outlive,
    ..Policy::NOTHING
};
