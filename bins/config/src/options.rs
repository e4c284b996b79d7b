//! The command line, and the descriptors that go with it.

use std::fs::File;
use std::os::fd::OwnedFd;

use fosse_args::{Args, Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_inherit::{Descriptors, Expected, STREAM, inherit};
use fosse_lockdown::{Mode, Sealed};
use fosse_sys::fd::Kind;

use crate::PROGRAM;

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
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    ..Usage::NOTHING
};

/// A file of accounts: the real one, or a copy in memory.
const ACCOUNTS: &[Kind] = &[Kind::File, Kind::Memfd];

const DESCRIPTORS: &[Expected] =
    &[Expected::required(0, STREAM, "the configuration"), Expected::required(1, STREAM, "the plan")];

/// With `--accounts`. Not looked at without it: shells keep descriptors of their own at these
/// numbers.
const WITH_ACCOUNTS: &[Expected] = &[
    Expected::required(0, STREAM, "the configuration"),
    Expected::required(1, STREAM, "the plan"),
    Expected::required(9, ACCOUNTS, "passwd"),
    Expected::required(10, ACCOUNTS, "group"),
];

/// The command line.
#[derive(Debug)]
pub struct Options {
    /// The configuration's name in messages.
    pub name: String,
    accounts: bool,
    /// Strictness of the lock-down.
    pub mode: Mode,
}

impl Options {
    /// Reads the process's own, or ends it with the usage.
    #[must_use]
    pub fn of_process() -> Self {
        let args = Args::of_process(&USAGE);
        let name = args.value("--name").unwrap_or("fosse.toml").to_owned();
        let accounts = args.has("--accounts");
        let mode = Mode::from_options(|option| args.has(option));
        Self { name, accounts, mode }
    }

    /// Takes over what the options say is open.
    #[must_use]
    pub fn inherit(&self) -> Descriptors {
        inherit(PROGRAM, if self.accounts { WITH_ACCOUNTS } else { DESCRIPTORS })
    }
}

/// Returns the file handed over on `number`, else the one at `path`; without either, names are not
/// known.
#[must_use]
pub fn accounts(fds: &mut Descriptors, number: i32, path: &str) -> Sealed<Option<OwnedFd>> {
    Sealed::new(fds.optional(number).or_else(|| File::open(path).ok().map(OwnedFd::from)))
}
