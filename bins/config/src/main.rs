//! fosse-config: compiles fosse.toml on fd 0 into the plan for fosse-start, with a blob for every
//! program, on fd 1.
//!
//! Where the configuration includes files, and these are not on fd 12, the plan says no more than
//! which ones fosse-load is to read. Variables of the environment are its own, with `--environment`
//! those on fd 11.
//!
//! Nothing is written unless everything is right. What is wrong goes to fd 2, all of it at once,
//! and the exit code is
//! 100. User and group names are looked up in /etc/passwd and /etc/group, opened before the lock
//!      and read after it; with `--accounts` in the files on fds 9 and 10 instead, for a start
//!      whose file system is empty.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write;

use fosse_config::options::Options;
use fosse_config::{PROGRAM, plan, policy};
use fosse_lockdown::enter;

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let options = Options::of_process();
    let mut fds = options.inherit();
    let inputs = options.inputs(&mut fds);
    let mut out = File::from(fds.required(1));

    let locked = enter(&policy::POLICY, options.mode);

    let bytes = plan::of(inputs.open(locked));
    if let Err(error) = out.write_all(&bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to write the plan: {error}"));
    }
}
