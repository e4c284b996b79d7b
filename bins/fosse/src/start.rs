//! The command line of fosse-start for `fosse up`, which becomes it, and `fosse check`, which runs
//! it.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Command;

use fosse_args::Args;
use fosse_die::{fatal, temporary};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::{PROGRAM, programs};

/// The flags that are fosse-start's too.
const PASSED_ON: &[&str] =
    &["--dir", "--log-dir", "--certificates-dir", "--ready-fd", "--sandbox-strict", "--sandbox-trap", "--no-sandbox"];

/// Returns fosse-start with every flag of the command line that is its own too.
pub(crate) fn command(words: &Args) -> Command {
    let directory = programs::directory(words.value("--programs")).unwrap_or_else(|why| fatal(PROGRAM, why));
    let mut start = Command::new(directory.join("fosse-start"));
    start.arg("--programs").arg(&directory);
    for flag in PASSED_ON.iter().filter(|flag| words.takes(flag)) {
        for value in words.values(flag) {
            start.arg(flag);
            if !value.is_empty() {
                start.arg(value);
            }
        }
    }
    start
}

/// Returns a configuration in a sealed memfd that the program executed next inherits.
pub(crate) fn sealed(text: &[u8]) -> OwnedFd {
    let sealed = fosse_sys::memfd::sealed("fosse.toml", text)
        .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make a memfd: {errno}")));
    if let Err(errno) = fcntl_setfd(&sealed, FdFlags::empty()) {
        temporary(PROGRAM, format_args!("unable to hand the configuration over: {errno}"));
    }
    sealed
}

/// Returns the number of a descriptor as an option has it.
pub(crate) fn number(fd: &OwnedFd) -> String {
    fd.as_raw_fd().to_string()
}
