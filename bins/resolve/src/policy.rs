//! What fosse-resolve may do after lock-down: make datagram and stream sockets of two families and
//! connect them.
//!
//! seccomp cannot see an address. Landlock lets it reach the TCP ports of its name servers alone,
//! and knows nothing of datagrams; so what limits those is the rest: it holds no descriptor but its
//! page, sends nothing but questions for names of its configuration, and what it writes counts only
//! within the networks of the table that connect has.

use fosse_lockdown::{Args, Cond, Policy, Reach, Row, call};

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_TYPE_MASK: u32 = 0xf;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;

const fn socket(conditions: &'static [Cond], reason: &'static str) -> Row {
    Row::seen(call::SOCKET, Args::All(conditions), reason)
}

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-resolve",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "questions come and go"),
        Row::seen(call::RECVMSG, Args::Any, "orders of start"),
        Row::seen(call::SENDMSG, Args::Any, "readiness to start"),
        Row::seen(call::RECVFROM, Args::Any, "responses of name servers"),
        Row::seen(call::SENDTO, Args::SENDTO_PEER, "questions, on connected sockets only"),
        socket(
            &[Cond::Is(0, AF_INET), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_DGRAM), Cond::Is(2, 0)],
            "questions; protocol 0 is UDP, never ICMP",
        ),
        socket(
            &[Cond::Is(0, AF_INET6), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_DGRAM), Cond::Is(2, 0)],
            "questions over IPv6",
        ),
        socket(
            &[Cond::Is(0, AF_INET), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)],
            "responses that no datagram holds; protocol 0 is TCP, never MPTCP",
        ),
        socket(
            &[Cond::Is(0, AF_INET6), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)],
            "the same over IPv6",
        ),
        Row::seen(call::CONNECT, Args::Any, "to a name server, so that nobody else is heard; is an address our own?"),
        Row::seen(call::GETSOCKNAME, Args::Any, "an address is this machine's own where it is reached from itself"),
        Row::seen(
            call::LANDLOCK_CREATE_RULESET,
            Args::Any,
            "the ports of its name servers, and no others: nothing is gained by it",
        ),
        Row::seen(call::LANDLOCK_ADD_RULE, Args::Any, "a port of them"),
        Row::seen(call::LANDLOCK_RESTRICT_SELF, Args::All(&[Cond::Is(1, 0)]), "those ports alone, from here on"),
    ],
    reach: &[Reach::ConnectTcp("name servers; once they are known, on their ports alone")],
    ..Policy::NOTHING
};
