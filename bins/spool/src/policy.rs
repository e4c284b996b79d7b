//! What fosse-spool may do after lock-down: hear filters, reply to them, and use its one file.

use fosse_lockdown::{Args, Cond, Policy, Row, call};

/// FALLOC_FL_KEEP_SIZE and FALLOC_FL_PUNCH_HOLE (fallocate(2)).
const KEEP_SIZE_PUNCH_HOLE: u32 = 3;

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-spool",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "filters come and go"),
        Row::seen(call::RECVFROM, Args::Any, "bodies, in pieces"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "the same, on their way back"),
        Row::seen(call::RECVMSG, Args::Any, "filters from start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
        Row::seen(call::PWRITE64, Args::Any, "bodies into the file"),
        Row::seen(
            call::FALLOCATE,
            Args::All(&[Cond::Is(1, KEEP_SIZE_PUNCH_HOLE)]),
            "the disk gets back what is not used any more",
        ),
    ],
    ..Policy::NOTHING
};
