//! The expected processes of an edge, as data: identities, namespaces and descriptors.

use fosse_wire::files::FILES_BACKENDS_MAX;

use super::kernel::Kind;

/// A limit of descriptors of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Most {
    /// At most this number.
    Of(usize),
    /// As many as there are clients, servers or lanes.
    Any,
}

/// A kind of descriptor a program may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    /// The kind.
    pub kind: Kind,
    /// The limit.
    pub most: Most,
    /// Their purpose.
    pub reason: &'static str,
}

const fn holds(kind: Kind, most: usize, reason: &'static str) -> Holds {
    Holds { kind, most: Most::Of(most), reason }
}

const fn any(kind: Kind, reason: &'static str) -> Holds {
    Holds { kind, most: Most::Any, reason }
}

/// Descriptors of every process.
const EVERY: [Holds; 4] = [
    holds(Kind::Null, 2, "0 and 1 where the program does not use them"),
    holds(Kind::Epoll, 1, "its loop"),
    holds(Kind::Memory, 2, "configuration and counter page"),
    holds(Kind::UnixSeqpacket, 1, "start"),
];

/// The namespaces of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Network, files and IPC of its own.
    Namespaces,
    /// Those of the host.
    Host,
}

/// The scheduling of a program (sched(7)), where it is not that of fosse-start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheduled {
    /// As fosse-start is.
    AsStart,
    /// By what it does: SCHED_OTHER, nice -10 or 0.
    ByLoad,
    /// The same, or SCHED_BATCH.
    ByLoadOrBatch,
    /// For long computations: SCHED_BATCH, nice 10.
    Background,
}

/// The role of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// The name of its executable.
    pub name: &'static str,
    /// Its namespaces.
    pub place: Place,
    /// Its group may be one that all processes of the program share, for the sockets of backends.
    pub shares_group: bool,
    /// Its scheduling.
    pub scheduled: Scheduled,
    /// Its descriptors, beside those of every process.
    pub holds: &'static [Holds],
}

impl Expected {
    /// Returns the limit of descriptors of a kind.
    #[must_use]
    pub(crate) fn most(&self, kind: Kind) -> Most {
        let rows = EVERY.iter().chain(self.holds).filter(|row| row.kind == kind);
        rows.fold(Most::Of(0), |sum, row| match (sum, row.most) {
            (Most::Of(a), Most::Of(b)) => Most::Of(a + b),
            _ => Most::Any,
        })
    }

    /// Returns the purpose of its descriptors of a kind.
    #[must_use]
    pub(crate) fn reasons(&self, kind: Kind) -> String {
        let rows = EVERY.iter().chain(self.holds).filter(|row| row.kind == kind);
        rows.map(|row| row.reason).collect::<Vec<_>>().join(", ")
    }
}

/// The programs that stay. Of those that come and go the identity is checked, their descriptors are
/// not.
pub(crate) const PROGRAMS: &[Expected] = &[
    Expected {
        name: "fosse-accept",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoadOrBatch,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            any(Kind::UnixSeqpacket, "a channel to each lane"),
            any(Kind::TcpListener, "listeners"),
            any(Kind::UnixListener, "listeners"),
            any(Kind::Tcp, "clients on their way to a lane"),
            any(Kind::UnixStream, "clients on their way to a lane"),
            any(Kind::Memory, "address lists"),
            holds(Kind::Null, 1, "a reserve for when descriptors run out"),
        ],
    },
    Expected {
        name: "fosse-parse",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoadOrBatch,
        holds: &[
            holds(Kind::Pipe, 2, "log, access log"),
            holds(Kind::UnixSeqpacket, 3, "accept, dispatch, tls"),
            any(Kind::UnixStream, "the ring, clients"),
            any(Kind::Tcp, "clients"),
        ],
    },
    Expected {
        name: "fosse-parse-h2",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoadOrBatch,
        holds: &[
            holds(Kind::Pipe, 2, "log, access log"),
            holds(Kind::UnixSeqpacket, 2, "accept, tls"),
            any(Kind::UnixStream, "the ring, clients"),
            any(Kind::Tcp, "clients without TLS"),
        ],
    },
    Expected {
        name: "fosse-tls",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoadOrBatch,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 4, "accept, a front for each protocol, keys"),
            holds(Kind::Memory, 1, "certificates, until they are mapped"),
            any(Kind::UnixStream, "plaintext of clients, clients"),
            any(Kind::Tcp, "clients"),
        ],
    },
    Expected {
        name: "fosse-waf-filter",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 2, "log, audit log"),
            holds(Kind::UnixStream, 4, "the ring, both ways"),
            holds(Kind::UnixStream, 2, "encode"),
            holds(Kind::UnixStream, 1, "the store"),
            holds(Kind::UnixStream, 1, "the spool"),
            holds(Kind::Memory, 1, "rules"),
        ],
    },
    Expected {
        name: "fosse-dispatch",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 2, "client sockets from parse, backend sockets from connect"),
            holds(
                Kind::Memory,
                5,
                "another lane's page, health checks, states and addresses of servers, kept responses, until mapped",
            ),
            any(Kind::UnixStream, "the ring, passwords, backends, clients under a lease"),
            any(Kind::Tcp, "backends, clients under a lease"),
            any(Kind::Pipe, "splicing"),
        ],
    },
    Expected {
        name: "fosse-dispatch-h2",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 1, "connect"),
            any(Kind::UnixStream, "exchanges of dispatch, servers"),
            any(Kind::Tcp, "servers"),
        ],
    },
    Expected {
        name: "fosse-encode",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixStream, 4, "responses and their credit, from and to two peers"),
        ],
    },
    Expected {
        name: "fosse-keys",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[holds(Kind::Pipe, 1, "log"), holds(Kind::UnixSeqpacket, 1, "tls")],
    },
    Expected {
        name: "fosse-connect",
        place: Place::Host,
        shares_group: true,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 2, "dispatch, prober or acme"),
            holds(Kind::Memory, 1, "addresses of names, until they are mapped"),
            holds(Kind::UnixSeqpacket, FILES_BACKENDS_MAX, "those that serve files"),
            holds(Kind::UnixSeqpacket, 2, "programs beside it"),
            any(Kind::UnixStream, "attempts"),
            any(Kind::Tcp, "attempts"),
        ],
    },
    Expected {
        name: "fosse-connect-tls",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 1, "connect"),
            holds(Kind::Memory, 1, "certificates, until they are mapped"),
            any(Kind::UnixStream, "plaintext of connections to servers"),
            any(Kind::Tcp, "connections to servers"),
        ],
    },
    Expected {
        name: "fosse-log",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            any(Kind::Pipe, "lines of every process"),
            holds(Kind::File, 4, "where the log is written to"),
            holds(Kind::Device, 2, "a terminal as log"),
            holds(Kind::Null, 2, "nowhere as log"),
            holds(Kind::UnixStream, 2, "the supervisor's log"),
        ],
    },
    Expected {
        name: "fosse-status",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixListener, 1, "its socket"),
            holds(Kind::TcpListener, 1, "its address"),
            holds(Kind::UnixStream, 17, "clients"),
            holds(Kind::Tcp, 17, "clients"),
        ],
    },
    Expected {
        name: "fosse-store",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[holds(Kind::Pipe, 1, "log"), any(Kind::UnixStream, "a filter of each lane")],
    },
    Expected {
        name: "fosse-prober",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 1, "backend sockets from its connect"),
            holds(Kind::Memory, 1, "the page of results, until it is mapped"),
            any(Kind::UnixStream, "checks"),
            any(Kind::Tcp, "checks"),
        ],
    },
    Expected {
        name: "fosse-acme",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 2, "sockets from its connect, and those with questions of authorities"),
            holds(Kind::File, 17, "its state; roots and keys of authorities, until they are read"),
            any(Kind::UnixStream, "questions of authorities"),
            any(Kind::Tcp, "authorities"),
            any(Kind::Memory, "requests and chains"),
        ],
    },
    Expected {
        name: "fosse-resolve",
        place: Place::Host,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::Memory, 1, "the page of addresses, until it is mapped"),
            holds(Kind::File, 2, "/etc/resolv.conf and /etc/hosts, until they are read"),
            any(Kind::Udp, "questions"),
            any(Kind::Tcp, "questions with long responses"),
        ],
    },
    Expected {
        name: "fosse-static",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::ByLoad,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::UnixSeqpacket, 1, "connections from connect"),
            any(Kind::UnixStream, "connections"),
            any(Kind::File, "its directory, files on their way"),
        ],
    },
    Expected {
        name: "fosse-cache",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::Memory, 1, "responses that are kept, until it is mapped"),
            holds(Kind::File, 2, "index and responses on the disk"),
            any(Kind::UnixStream, "its dispatch, both ways, and that of each lane"),
        ],
    },
    Expected {
        name: "fosse-spool",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::AsStart,
        holds: &[
            holds(Kind::Pipe, 1, "log"),
            holds(Kind::File, 1, "the file for bodies"),
            any(Kind::UnixStream, "a filter of each lane"),
        ],
    },
    Expected {
        name: "fosse-password",
        place: Place::Namespaces,
        shares_group: false,
        scheduled: Scheduled::Background,
        holds: &[holds(Kind::Pipe, 1, "log"), any(Kind::UnixStream, "a dispatch of each lane")],
    },
];

/// The filter that has compiled the rules and forks the others. It logs a crash where start logs.
pub(crate) const ZYGOTE: Expected = Expected {
    name: "fosse-waf-filter",
    place: Place::Namespaces,
    shares_group: false,
    scheduled: Scheduled::AsStart,
    holds: &[
        holds(Kind::Pipe, 1, "log"),
        holds(Kind::File, 1, "start's log"),
        holds(Kind::Device, 1, "a terminal as start's log"),
        holds(Kind::Null, 1, "nowhere as start's log"),
        holds(Kind::UnixStream, 1, "the journal as start's log"),
        holds(Kind::Memory, 1, "rules"),
    ],
};

/// The programs that come and go.
pub(crate) const PASSING: &[&str] = &["fosse-config", "fosse-load", "fosse-certs"];

/// CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_NICE:
/// listeners, making processes and scheduling them.
pub(crate) const START_CAPABILITIES: u64 = 1 << 0 | 1 << 1 | 1 << 3 | FORK_SERVER_CAPABILITIES | 1 << 10 | 1 << 23;
/// KILL, SETGID, SETUID, SETPCAP: making processes.
pub(crate) const FORK_SERVER_CAPABILITIES: u64 = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8;
