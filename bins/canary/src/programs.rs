//! Every program of the suite with its policy, and what it alone may do.

use fosse_lockdown::Policy;

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The policy it locks itself down with.
    pub policy: &'static Policy,
    /// The actions it is allowed, each with what limits it.
    pub exceptions: &'static [Exception],
    /// It narrows its lock to the TCP ports of its table.
    pub has_ports: bool,
}

impl Program {
    const fn new(policy: &'static Policy, exceptions: &'static [Exception]) -> Self {
        Self { policy, exceptions, has_ports: false }
    }

    /// Returns its name without the common part.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.policy.program.strip_prefix("fosse-").unwrap_or(self.policy.program)
    }

    /// Returns whether it is a program, and not the base of all policies.
    #[must_use]
    pub(crate) fn is_real(&self) -> bool {
        self.policy.program != BASE.program
    }
}

/// An action that is a program's job.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The action's name in the table.
    pub action: &'static str,
    /// Its limit.
    pub limit: &'static str,
    /// It is one only where this kernel's Landlock lacks something.
    pub degraded: bool,
}

impl Exception {
    const fn job(action: &'static str, limit: &'static str) -> Exception {
        Exception { action, limit, degraded: false }
    }

    const fn degraded(action: &'static str, limit: &'static str) -> Exception {
        Exception { action, limit, degraded: true }
    }
}

/// A program that may do nothing of its own: the base of all policies.
const BASE: Policy = Policy { program: "fosse-base", ..Policy::NOTHING };

/// The programs that make programs. They have no policy but a list of what they gave up: see
/// [`crate::attempt::Layers::Launcher`].
pub const LAUNCHER: Program = Program::new(&Policy { program: "fosse-start", ..Policy::NOTHING }, &[]);

/// The limit of connect, which may reach further: seccomp cannot see an address, and Landlock knows
/// ports alone.
const CONNECTS: &str =
    "the program holds only the backend table and hands every socket on; it reads nothing but numbers";

/// The limit of connect's bind(2), which gives a connection its source address.
const BINDS: &str =
    "an address of this machine, without a port and only where its table names one; it has no listen and no accept";

/// The limit of resolve, which may reach name servers.
const RESOLVES: &str = "the program holds names and a page of addresses, and hands no socket on";

/// The limit of load where Landlock is missing.
const LOADS: &str = "without Landlock only its UID and its empty root keep it from files; it reads what root wrote";

/// The limit of static where Landlock is missing.
const SERVES: &str = "without Landlock only its UID keeps it from files outside its directory";

/// Every program.
pub const ALL: &[Program] = &[
    Program::new(&BASE, &[]),
    Program::new(&fosse_accept::policy::POLICY, &[]),
    Program::new(&fosse_tls::policy::POLICY, &[]),
    Program::new(&fosse_parse::policy::POLICY, &[]),
    Program::new(&fosse_parse_h2::policy::POLICY, &[]),
    Program::new(&fosse_connect_tls::policy::POLICY, &[]),
    Program::new(&fosse_waf_filter::policy::POLICY, &[]),
    Program::new(&fosse_dispatch::policy::POLICY, &[]),
    Program::new(&fosse_dispatch_h2::policy::POLICY, &[]),
    Program::new(&fosse_encode::policy::POLICY, &[]),
    Program {
        policy: &fosse_connect::policy::POLICY,
        exceptions: &[
            Exception::job("tcp_connect", CONNECTS),
            Exception::job("unix_connect_path", CONNECTS),
            Exception::degraded("unix_connect_abstract", "Landlock keeps it from names outside (Linux 6.12)"),
            Exception::job("given_tcp_connect", CONNECTS),
            Exception::job(
                "socketpair",
                "AF_UNIX alone: both ends are its own, one is for a process that serves files",
            ),
            Exception::job("given_unix_connect", CONNECTS),
            Exception::job("landlock_create_ruleset", "to keep to its table's ports; a ruleset only takes rights away"),
            Exception::degraded("tcp_connect_elsewhere", "Landlock lets it reach its table's ports alone (Linux 6.7)"),
            Exception::degraded("given_tcp_elsewhere", "Landlock lets it reach its table's ports alone (Linux 6.7)"),
            Exception::job("tcp_bind", BINDS),
            Exception::job("given_tcp_bind", BINDS),
            Exception::degraded("tcp_bind_port", "Landlock lets it bind an address without a port alone (Linux 6.7)"),
        ],
        has_ports: true,
    },
    Program::new(&fosse_log::policy::POLICY, &[]),
    Program::new(&fosse_status::policy::POLICY, &[]),
    Program::new(&fosse_store::policy::POLICY, &[]),
    Program::new(&fosse_prober::policy::POLICY, &[]),
    Program::new(&fosse_acme::policy::POLICY, &[]),
    Program {
        policy: &fosse_resolve::policy::POLICY,
        exceptions: &[
            Exception::job("tcp_connect", RESOLVES),
            Exception::job("given_tcp_connect", RESOLVES),
            Exception::job("given_unix_connect", "it has no unix socket and can make none"),
            Exception::job(
                "landlock_create_ruleset",
                "to keep to name servers' ports; a ruleset only takes rights away",
            ),
            Exception::degraded(
                "tcp_connect_elsewhere",
                "Landlock lets it reach name servers' ports alone (Linux 6.7)",
            ),
            Exception::degraded("given_tcp_elsewhere", "Landlock lets it reach name servers' ports alone (Linux 6.7)"),
        ],
        has_ports: true,
    },
    Program::new(&fosse_spool::policy::POLICY, &[]),
    Program::new(&fosse_password::policy::POLICY, &[]),
    Program::new(&fosse_cache::policy::POLICY, &[]),
    Program::new(&fosse_keys::policy::POLICY, &[]),
    Program::new(&fosse_certs::policy::POLICY, &[]),
    Program::new(&fosse_keygen::policy::POLICY, &[]),
    Program::new(&fosse_frames::policy::POLICY, &[]),
    Program::new(&fosse_config::policy::POLICY, &[]),
    Program {
        policy: &fosse_load::policy::POLICY,
        exceptions: &[
            Exception::degraded("openat2_passwd", LOADS),
            Exception::degraded("openat2_create", LOADS),
            Exception::degraded("openat2_write", LOADS),
        ],
        has_ports: false,
    },
    Program {
        policy: &fosse_static::policy::POLICY,
        exceptions: &[
            Exception::degraded("openat2_passwd", SERVES),
            Exception::degraded("openat2_create", SERVES),
            Exception::degraded("openat2_write", SERVES),
        ],
        has_ports: false,
    },
];
