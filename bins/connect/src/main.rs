//! fosse-connect: connects to backends for fosse-dispatch.
//!
//! Reads asks (a tag and a number) on fd 0, answers on fd 1 with the connected socket, logs on fd 2. It keeps the table
//! of backends and the attempts under way. It is the one program of a lane that may call socket and connect.

#![forbid(unsafe_code)]

use fosse_connect::{policy::POLICY, serve};
use fosse_lockdown::{Mode, enter};

const PROGRAM: &str = "fosse-connect";
const USAGE: &str = "fosse-connect (started by fosse-start)";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let mode = Mode::from_environment();
    fosse_args::Args::of_process(PROGRAM, USAGE).end();
    let inputs = serve::inputs();
    let locked = enter(&POLICY, mode);
    serve::run(inputs, locked)
}
