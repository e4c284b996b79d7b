//! fosse-status: shows what the programs of an edge count.
//!
//! Reads counter pages (start hands them over on fd 7, read-only) and HTTP/1.0 requests from the unix socket on fd 8;
//! answers /status.json, /status.txt, /servers.txt and /metrics. It keeps the pages of the living and the sums of the dead. It waits
//! for no client: a bounded number is served at a time, each for a bounded time.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_status::{policy::POLICY, serve};

const PROGRAM: &str = "fosse-status";
const USAGE: &str = "fosse-status (started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = serve::inputs();
    let locked = enter(&POLICY, mode);
    serve::run(inputs, locked)
}
