//! fosse-log: writes the log lines of all programs of an edge.
//!
//! Reads one pipe a process (start hands them over on fd 7), writes event lines on fd 1, access lines on fd 9, audit lines
//! on fd 10. It keeps an unfinished line for each pipe and bounds the lines a process may write in a second. It never
//! waits for whoever reads the log.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_log::{policy::POLICY, serve};

const PROGRAM: &str = "fosse-log";
const USAGE: &str = "fosse-log (started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = serve::inputs();
    let locked = enter(&POLICY, mode);
    serve::run(inputs, locked)
}
