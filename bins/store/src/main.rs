//! fosse-store: keeps the records of persistent collections (`initcol`, `setsid`, `setuid`, `setrsc`).
//!
//! Reads what start says on fd 7, and from each filter that start introduces which records it wants and what it changed;
//! answers with records. It keeps them in memory alone, within a limit, each for its time. It waits for no filter: one that
//! does not read its answers is not listened to until it does.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_store::{PROGRAM, policy::POLICY, serve};

const USAGE: &str = "fosse-store (started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = serve::inputs();
    let locked = enter(&POLICY, mode);
    serve::run(inputs, locked)
}
