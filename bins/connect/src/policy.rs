//! What fosse-connect may do after lock-down: make stream sockets of three families and connect
//! them.
//!
//! seccomp cannot see an address, so what limits it is the rest: it reads nothing but eight-byte
//! requests from dispatch, the addresses come from a sealed table, Landlock lets it reach the TCP
//! ports of that table alone, and it holds nothing else worth taking. What it binds has no port and
//! can neither listen nor accept.

use fosse_lockdown::{Args, Cond, Policy, Reach, Row, call};

const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const SOCK_TYPE_MASK: u32 = 0xf;
const SOCK_STREAM: u32 = 1;
const SOL_SOCKET: u32 = 1;
const SO_PEERCRED: u32 = 17;
const IPPROTO_IP: u32 = 0;
const IP_BIND_ADDRESS_NO_PORT: u32 = 24;
const IPPROTO_TCP: u32 = 6;
const TCP_NODELAY: u32 = 1;
/// Bytes of the addresses of IPv4 and IPv6 (ip(7), ipv6(7)).
const SOCKADDR_IN_BYTES: u32 = 16;
const SOCKADDR_IN6_BYTES: u32 = 28;

/// The policy.
pub const POLICY: Policy = Policy {
    program: "fosse-connect",
    syscalls: &[
        Row::seen(call::EPOLL_PWAIT, Args::Any, "the event loop"),
        Row::seen(call::EPOLL_CTL, Args::Any, "attempts come and go"),
        Row::seen(call::RECVMSG, Args::Any, "connect requests"),
        Row::seen(call::SENDMSG, Args::Any, "replies with sockets"),
        Row::seen(
            call::SOCKET,
            Args::All(&[Cond::Is(0, AF_UNIX), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)]),
            "unix backends",
        ),
        Row::seen(
            call::SOCKET,
            Args::All(&[Cond::Is(0, AF_INET), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)]),
            "TCP backends; protocol 0 is TCP, never MPTCP",
        ),
        Row::seen(
            call::SOCKET,
            Args::All(&[Cond::Is(0, AF_INET6), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)]),
            "TCP backends over IPv6",
        ),
        Row::seen(
            call::SOCKETPAIR,
            Args::All(&[Cond::Is(0, AF_UNIX), Cond::Masked(1, SOCK_TYPE_MASK, SOCK_STREAM), Cond::Is(2, 0)]),
            "both ends of a connection to a process that serves files",
        ),
        Row::seen(call::CONNECT, Args::Any, "its one job"),
        Row::seen(call::BIND, Args::All(&[Cond::Is(2, SOCKADDR_IN_BYTES)]), "source_address, of IPv4"),
        Row::seen(call::BIND, Args::All(&[Cond::Is(2, SOCKADDR_IN6_BYTES)]), "source_address, of IPv6"),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, IPPROTO_IP), Cond::Is(2, IP_BIND_ADDRESS_NO_PORT)]),
            "a port is taken for one server, and not from all connections of the address",
        ),
        Row::platform(call::GETSOCKNAME, Args::Any, "does a name lead to this machine itself?"),
        Row::seen(
            call::GETSOCKOPT,
            Args::All(&[Cond::Is(1, SOL_SOCKET), Cond::Is(2, SO_PEERCRED)]),
            "the UID of a unix backend",
        ),
        Row::seen(
            call::SETSOCKOPT,
            Args::All(&[Cond::Is(1, IPPROTO_TCP), Cond::Is(2, TCP_NODELAY)]),
            "requests are written whole; waiting for more only delays them",
        ),
        Row::seen(
            call::LANDLOCK_CREATE_RULESET,
            Args::Any,
            "the table's ports, and no others: nothing is gained by it",
        ),
        Row::seen(call::LANDLOCK_ADD_RULE, Args::Any, "a port of the table"),
        Row::seen(call::LANDLOCK_RESTRICT_SELF, Args::All(&[Cond::Is(1, 0)]), "those ports alone, from here on"),
    ],
    reach: &[
        Reach::ConnectTcp("TCP backends; once the table is read, on its ports alone"),
        Reach::BindTcp("source_address; once the table is read, without a port, and only where it has one"),
        Reach::ConnectUnix("unix backends"),
    ],
    ..Policy::NOTHING
};
