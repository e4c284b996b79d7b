//! The command line, and the descriptors that go with it.

use std::fs::File;
use std::os::fd::OwnedFd;

use fosse_args::{Args, Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_inherit::{Descriptors, Expected, MEMORY, STREAM, inherit};
use fosse_lockdown::{Mode, Sealed};
use fosse_sys::fd::Kind;

use crate::PROGRAM;
use crate::plan::Inputs;

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "compiles fosse.toml on the standard input into a plan on the standard output",
    flags: &[
        Flag { name: "--name", takes: Takes::Text("FILE"), help: "the name of the configuration in messages" },
        Flag {
            name: "--accounts",
            takes: Takes::Nothing,
            help: "look names up in descriptors 9 and 10, not in /etc/passwd and /etc/group",
        },
        Flag {
            name: "--environment",
            takes: Takes::Nothing,
            help: "take variables from descriptor 11, not from its own environment",
        },
        Flag {
            name: "--included",
            takes: Takes::Nothing,
            help: "take the files that the configuration includes from descriptor 12",
        },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    ..Usage::NOTHING
};

/// A file of accounts: the real one, or a copy in memory.
const ACCOUNTS: &[Kind] = &[Kind::File, Kind::Memfd];

/// The command line.
#[derive(Debug)]
pub struct Options {
    name: String,
    accounts: bool,
    environment: bool,
    included: bool,
    /// Strictness of the lock-down.
    pub mode: Mode,
}

impl Options {
    /// Reads the process's own, or ends it with the usage.
    #[must_use]
    pub fn of_process() -> Self {
        let args = Args::of_process(&USAGE);
        let name = args.value("--name").unwrap_or("fosse.toml").to_owned();
        let (accounts, environment) = (args.has("--accounts"), args.has("--environment"));
        let mode = Mode::from_options(|option| args.has(option));
        Self { name, accounts, environment, included: args.has("--included"), mode }
    }

    /// Takes over what the options say is open. Nothing else is looked at: shells keep descriptors
    /// of their own at these numbers.
    #[must_use]
    pub fn inherit(&self) -> Descriptors {
        let mut table =
            vec![Expected::required(0, STREAM, "the configuration"), Expected::required(1, STREAM, "the plan")];
        if self.accounts {
            table.extend([Expected::required(9, ACCOUNTS, "passwd"), Expected::required(10, ACCOUNTS, "group")]);
        }
        if self.environment {
            table.push(Expected::required(11, MEMORY, "the environment"));
        }
        if self.included {
            table.push(Expected::required(12, MEMORY, "the included files"));
        }
        inherit(PROGRAM, &table)
    }

    /// Takes what is to be read, in a wrapping that the lock opens. Files of accounts that were not
    /// handed over are opened; without either, names are not known.
    #[must_use]
    pub fn inputs(&self, fds: &mut Descriptors) -> Sealed<Inputs> {
        let mut accounts = |number, path| fds.optional(number).or_else(|| File::open(path).ok().map(OwnedFd::from));
        let (passwd, group) = (accounts(9, "/etc/passwd"), accounts(10, "/etc/group"));
        Sealed::new(Inputs {
            name: self.name.clone(),
            configuration: fds.required(0),
            passwd,
            group,
            environment: fds.optional(11),
            included: fds.optional(12),
        })
    }
}
