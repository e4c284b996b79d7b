//! fosse-waf-filter: judges requests.
//!
//! Reads request frames on fd 0, writes them (or a verdict in place of one) on fd 1, logs on fd 2. It keeps the bodies it
//! holds until they are judged, within the lane's memory for that. A request it cannot judge is denied.

#![forbid(unsafe_code)]

use fosse_lockdown::{Mode, enter};
use fosse_waf_filter::{policy::POLICY, serve};

const PROGRAM: &str = "fosse-waf-filter";
const USAGE: &str = "fosse-waf-filter < frames > frames";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = serve::inputs();
    let locked = enter(&POLICY, mode);
    serve::run(inputs, locked)
}
