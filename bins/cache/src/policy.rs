//! What fosse-cache may do after lock-down: hear lanes, reply to them, and speak frames with its
//! own dispatch. The memory is mapped before; the disk is two files that it is given.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

const MADV_REMOVE: u32 = 9;

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-cache",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "lanes come and go"),
        Row::seen(call::RECVFROM, Args::Any, "asks of lanes, response frames"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "replies, request frames"),
        Row::seen(call::RECVMSG, Args::Any, "lanes from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
        Row::seen(
            call::MADVISE,
            Args::All(&[Cond::Is(2, MADV_REMOVE)]),
            "new memory for the ring before it is written again",
        ),
        Row::seen(call::PWRITE64, Args::Any, "responses onto the disk, and their removal"),
        Row::seen(call::FDATASYNC, Args::Any, "what was purged stays so"),
    ],
    ..Policy::NOTHING
};
