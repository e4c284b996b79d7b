//! Every program of the suite with its policy, and what it alone may do.

use fosse_lockdown::Policy;

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The policy it locks itself down with.
    pub policy: &'static Policy,
    /// The actions it is allowed, each with what limits it.
    pub exceptions: &'static [Exception],
}

impl Program {
    /// Its name without the common part.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.policy.program.strip_prefix("fosse-").unwrap_or(self.policy.program)
    }
}

/// An action that is a program's job.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The action's name in the table.
    pub action: &'static str,
    /// What limits it.
    pub limit: &'static str,
}

/// A program that may do nothing of its own: the ground all policies stand on.
const BASE: Policy = Policy { program: "fosse-base", ..Policy::NOTHING };

/// Why connect may reach further: seccomp cannot see an address, Landlock has not seen the table.
const CONNECTS: &str =
    "the program holds only the backend table and hands every socket on; it reads nothing but numbers";

/// Every program.
pub const ALL: &[Program] = &[
    Program { policy: &BASE, exceptions: &[] },
    Program { policy: &fosse_parse::policy::POLICY, exceptions: &[] },
    Program { policy: &fosse_dispatch::policy::POLICY, exceptions: &[] },
    Program {
        policy: &fosse_connect::policy::POLICY,
        exceptions: &[
            Exception { action: "tcp_connect", limit: CONNECTS },
            Exception { action: "unix_connect_path", limit: CONNECTS },
            Exception { action: "given_tcp_connect", limit: CONNECTS },
            Exception { action: "given_unix_connect", limit: CONNECTS },
        ],
    },
    Program { policy: &fosse_config::policy::POLICY, exceptions: &[] },
];
