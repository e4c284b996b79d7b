//! From the configuration's bytes to the plan's, after the lock.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

use fosse_bundle::Bundle;
use fosse_model::{
    ACCOUNTS_BYTES_MAX, Accounts, CONFIGURATION_BYTES_MAX, ENVIRONMENT_BYTES_MAX, Environment, Gathered, Report,
    Source, Sources, compile_sources, include_plan, includes,
};
use fosse_plan::Plan;

use crate::PROGRAM;

/// First piece of an input: most configurations are shorter.
const READ_BYTES: usize = 64 << 10;

/// The configuration and all that it is read with.
#[derive(Debug)]
pub struct Inputs {
    /// The configuration's name in messages.
    pub name: String,
    /// The configuration.
    pub configuration: OwnedFd,
    /// /etc/passwd, where names can be looked up.
    pub passwd: Option<OwnedFd>,
    /// /etc/group, likewise.
    pub group: Option<OwnedFd>,
    /// Variables, each ended by a NUL; without it those of this process.
    pub environment: Option<OwnedFd>,
    /// The bundle of the files that the configuration includes, once they have been read.
    pub included: Option<OwnedFd>,
}

/// Returns the plan that a configuration compiles to, or ends the program with all that is wrong.
#[must_use]
pub fn of(inputs: Inputs) -> Vec<u8> {
    let main = read(inputs.configuration, CONFIGURATION_BYTES_MAX, "configuration");
    let main = Source { name: &inputs.name, bytes: &main };
    let environment = inputs.environment.map_or_else(Environment::of_process, |block| {
        Environment::of_block(&read(block, ENVIRONMENT_BYTES_MAX, "environment"))
    });
    let wanted = includes(main, &environment).unwrap_or_else(|report| refuse(&report));
    let gathered = match inputs.included {
        Some(file) => gathered(main.name, file, wanted.len()),
        None if wanted.is_empty() => Gathered::default(),
        None => return include_plan(wanted).map_or_else(|error| unable(error), encoded),
    };
    let read_accounts =
        |file: Option<OwnedFd>| file.map(|file| read(file, ACCOUNTS_BYTES_MAX, "accounts")).unwrap_or_default();
    let accounts = Accounts::from_files(&read_accounts(inputs.passwd), &read_accounts(inputs.group));
    let sources = Sources { main, included: gathered.sources(), environment: &environment };
    encoded(compile_sources(&sources, &accounts).unwrap_or_else(|report| refuse(&report)))
}

/// Returns the included files, one set of them for each of the names that include them.
fn gathered(main: &str, file: OwnedFd, names: usize) -> Gathered {
    let bytes = read(file, fosse_bundle::BYTES_MAX, "included files");
    match Bundle::decode(&bytes) {
        Ok(bundle) if bundle.sets.len() == names => Gathered::of(main, &bundle),
        Ok(_) => unable("the files are not those of this configuration"),
        Err(error) => unable(error),
    }
}

fn encoded(plan: Plan) -> Vec<u8> {
    plan.encode().unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("plan: {error}")))
}

fn unable(why: impl std::fmt::Display) -> ! {
    fosse_die::fatal(PROGRAM, format_args!("included files: {why}"))
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
