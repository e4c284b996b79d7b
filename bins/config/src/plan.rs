//! From the configuration's bytes to the plan's, after the lock.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use fosse_model::{ACCOUNTS_BYTES_MAX, Accounts, CONFIGURATION_BYTES_MAX, Report};

use crate::PROGRAM;

/// First piece of an input: most configurations are shorter.
const READ_BYTES: usize = 64 << 10;

/// Returns the plan that a configuration compiles to, or ends the program with all that is wrong.
/// `name` is the file's name in messages.
#[must_use]
pub fn of(name: &str, configuration: OwnedFd, passwd: Option<OwnedFd>, group: Option<OwnedFd>) -> Vec<u8> {
    let text = read(configuration, CONFIGURATION_BYTES_MAX, "configuration");
    let read_accounts =
        |file: Option<OwnedFd>| file.map(|file| read(file, ACCOUNTS_BYTES_MAX, "accounts")).unwrap_or_default();
    let accounts = Accounts::from_files(&read_accounts(passwd), &read_accounts(group));
    let plan = fosse_model::compile(name, &text, &accounts).unwrap_or_else(|report| refuse(&report));
    plan.encode().unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("plan: {error}")))
}

/// Reads to the end, or one byte over the limit, by which fosse-model knows that it is too long.
fn read(fd: OwnedFd, bytes_max: usize, what: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(READ_BYTES);
    if let Err(error) = File::from(fd).take(bytes_max as u64 + 1).read_to_end(&mut bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to read the {what}: {error}"));
    }
    bytes
}

/// Ends the program with all problems, and one line that says what follows from them.
fn refuse(report: &Report) -> ! {
    // A reader of messages that is gone changes nothing: the exit code says it too.
    let _ = std::io::stderr().write_all(report.to_string().as_bytes());
    let problems = if report.total() == 1 { "1 problem" } else { "problems" };
    let count = if report.total() == 1 { String::new() } else { format!("{} ", report.total()) };
    fosse_die::fatal(PROGRAM, format_args!("{count}{problems} in the configuration; nothing was changed"))
}
