//! fosse-start as `fosse up` becomes it and `fosse check` asks it: one way to name it and to hand
//! it a configuration.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Command;

use fosse_die::{fatal, temporary};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::{PROGRAM, args::Args, programs};

/// The flags that fosse-start takes as they are.
const HANDED_ON: &[&str] = &["--dir", "--log-dir", "--ready-fd", "--sandbox-strict", "--sandbox-trap", "--no-sandbox"];

/// fosse-start with every flag of the command line that it takes itself.
pub fn command(words: &Args) -> Command {
    let directory = programs::directory(words.value("--programs")).unwrap_or_else(|why| fatal(PROGRAM, why));
    let mut start = Command::new(directory.join("fosse-start"));
    start.arg("--programs").arg(&directory);
    for flag in HANDED_ON {
        for value in words.values(flag) {
            start.arg(flag);
            if !value.is_empty() {
                start.arg(value);
            }
        }
    }
    start
}

/// A configuration in a sealed memfd that the program executed next inherits.
pub fn sealed(text: &[u8]) -> OwnedFd {
    let sealed = fosse_sys::memfd::sealed("fosse.toml", text)
        .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to make a memfd: {errno}")));
    if let Err(errno) = fcntl_setfd(&sealed, FdFlags::empty()) {
        temporary(PROGRAM, format_args!("unable to hand the configuration over: {errno}"));
    }
    sealed
}

/// The number under which a descriptor is inherited.
pub fn number(fd: &OwnedFd) -> String {
    fd.as_raw_fd().to_string()
}
