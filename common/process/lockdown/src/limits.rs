//! Resource limits of a program that may be taken over.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::policy::Limit;
use crate::refusal::{Attempt, Refusal};

/// Limits of every program. Not among them: FSIZE (0 would kill a process whose stderr is a file at
/// its first line) and NOFILE (which belongs to each policy; where it is too low the kernel drops
/// passed descriptors, with MSG_CTRUNC alone to show for it).
const COMMON: &[Limit] = &[
    Limit { resource: Resource::RLIMIT_CORE, max: 0, reason: "a core file holds other people's requests" },
    Limit { resource: Resource::RLIMIT_NPROC, max: 0, reason: "no program forks after the lock" },
    Limit { resource: Resource::RLIMIT_MEMLOCK, max: 0, reason: "no program locks memory" },
    Limit { resource: Resource::RLIMIT_MSGQUEUE, max: 0, reason: "no program uses message queues" },
];

/// Sets the common limits and the policy's own, which take precedence.
pub(crate) fn set(own: &[Limit]) -> Result<(), Refusal> {
    let common = COMMON.iter().filter(|limit| own.iter().all(|other| other.resource != limit.resource));
    for limit in common.chain(own) {
        let (_, hard) = getrlimit(limit.resource).attempt("resource limits")?;
        // Raising a hard limit takes SYS_RESOURCE, which a supervisor may have kept.
        let value = limit.max.min(hard);
        setrlimit(limit.resource, value, value).attempt("resource limits")?;
    }
    Ok(())
}
