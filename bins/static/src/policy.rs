//! What fosse-static may do once it is locked: accept or be sent connections, open
//! below its directory, send. No socket
//! can be made, bound, connected or listened on; Landlock and RESOLVE_BENEATH decide which files
//! openat2 reaches.

use fosse_lockdown::{Args, Cond, Limit, Parent, Policy, Resource, Row, call};

use crate::limits::DESCRIPTORS_COUNT_MAX;

const SHUT_WR: u32 = 1;

/// The policy.
pub const POLICY: Policy = Policy {
    program: crate::PROGRAM,
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "a turn waits for the next event"),
        Row::seen(call::EPOLL_CTL, Args::Any, "connections come and go"),
        Row::seen(call::ACCEPT4, Args::Any, "the listeners were opened before the lock"),
        Row::seen(call::RECVMSG, Args::Any, "connections from connect, and orders of start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
        Row::seen(call::RECVFROM, Args::Any, "requests"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "heads and small files"),
        Row::seen(call::OPENAT2, Args::Any, "the job: opens below the directory, and cannot leave it"),
        Row::seen(call::SENDFILE, Args::Any, "large files"),
        Row::seen(
            call::SHUTDOWN,
            Args::All(&[Cond::Is(1, SHUT_WR)]),
            "the end of the last response before the end of the connection",
        ),
    ],
    reach: &[],
    limits: &[Limit {
        resource: Resource::RLIMIT_NOFILE,
        max: DESCRIPTORS_COUNT_MAX,
        reason: "a socket and a file for each connection",
    }],
    parent: Parent::Outlive,
};
