//! fosse-config: compiles fosse.toml on fd 0 into the plan for fosse-start, with a blob for every program, on fd 1.
//!
//! Nothing is written unless everything is right. What is wrong goes to fd 2, all of it at once, and the exit code is
//! 100. User and group names are looked up in /etc/passwd and /etc/group, opened before the lock and read behind it; with
//! `--accounts` in the files on fds 9 and 10 instead, for a start whose file system is empty.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use fosse_args::Args;
use fosse_config::{PROGRAM, policy};
use fosse_inherit::{Descriptors, Expected, STREAM, inherit};
use fosse_lockdown::{Mode, Sealed, enter};
use fosse_model::{ACCOUNTS_BYTES_MAX, Accounts, CONFIGURATION_BYTES_MAX, Report};
use fosse_sys::fd::Kind;

const USAGE: &str =
    "fosse-config [--name FILE] [--accounts] [--sandbox-strict | --sandbox-trap | --no-sandbox] < fosse.toml > plan";

/// First piece of an input: most configurations are shorter.
const READ_BYTES: usize = 64 << 10;

/// A file of accounts: the real one, or a copy in memory.
const ACCOUNTS: &[Kind] = &[Kind::File, Kind::Memfd];

const DESCRIPTORS: &[Expected] =
    &[Expected::required(0, STREAM, "the configuration"), Expected::required(1, STREAM, "the plan")];

/// With `--accounts`. Not looked at without it: shells keep descriptors of their own at these numbers.
const WITH_ACCOUNTS: &[Expected] = &[
    Expected::required(0, STREAM, "the configuration"),
    Expected::required(1, STREAM, "the plan"),
    Expected::required(9, ACCOUNTS, "passwd"),
    Expected::required(10, ACCOUNTS, "group"),
];

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let options = Options::of_process();
    let mut fds = inherit(PROGRAM, if options.accounts { WITH_ACCOUNTS } else { DESCRIPTORS });
    let configuration = fds.sealed(0);
    let passwd = accounts(&mut fds, 9, "/etc/passwd");
    let group = accounts(&mut fds, 10, "/etc/group");
    let mut out = File::from(fds.required(1));

    let locked = enter(&policy::POLICY, options.mode);

    let text = read(configuration.open(locked), CONFIGURATION_BYTES_MAX, "configuration");
    let read_accounts =
        |file: Option<OwnedFd>| file.map(|file| read(file, ACCOUNTS_BYTES_MAX, "accounts")).unwrap_or_default();
    let accounts = Accounts::from_files(&read_accounts(passwd.open(locked)), &read_accounts(group.open(locked)));
    let plan = fosse_model::compile(&options.name, &text, &accounts).unwrap_or_else(|report| refuse(&report));
    let bytes = plan.encode().unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("plan: {error}")));
    if let Err(error) = out.write_all(&bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to write the plan: {error}"));
    }
}

/// The command line.
struct Options {
    name: String,
    accounts: bool,
    mode: Mode,
}

impl Options {
    fn of_process() -> Self {
        let mut args = Args::of_process(PROGRAM, USAGE);
        let name = args.value("--name").unwrap_or_else(|| "fosse.toml".to_owned());
        let accounts = args.flag("--accounts");
        let modes = [Mode::Strict, Mode::Trap, Mode::Off];
        let asked = modes.into_iter().find(|mode| mode.option().is_some_and(|option| args.flag(option)));
        args.end();
        Self { name, accounts, mode: asked.unwrap_or_else(Mode::from_environment) }
    }
}

/// The file handed over on `number`, else the one at `path`; without either, names are not known.
fn accounts(fds: &mut Descriptors, number: i32, path: &str) -> Sealed<Option<OwnedFd>> {
    Sealed::new(fds.optional(number).or_else(|| File::open(path).ok().map(OwnedFd::from)))
}

/// Everything up to the end; one byte over the limit is read, so that the reader of it can say so.
fn read(fd: OwnedFd, bytes_max: usize, what: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = File::from(fd).take(most).read_to_end(&mut bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to read the {what}: {error}"));
    }
    bytes
}

/// All that is wrong, then the one line that says what follows from it.
fn refuse(report: &Report) -> ! {
    // A reader of messages that is gone changes nothing: the exit code says it too.
    let _ = std::io::stderr().write_all(report.to_string().as_bytes());
    let problems = if report.total() == 1 { "1 problem" } else { "problems" };
    let count = if report.total() == 1 { String::new() } else { format!("{} ", report.total()) };
    fosse_die::fatal(PROGRAM, format_args!("{count}{problems} in the configuration; nothing was changed"))
}
