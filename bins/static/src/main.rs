//! fosse-static: serves the files of one directory.
//!
//! Reads requests on connections of its own listeners, writes answers there, logs on fd 2. The
//! directory and the listeners are opened before the lock; after it nothing outside of the
//! directory can be opened, and nothing written. It keeps connections, each with one response under
//! way, and bounds their number, their time and what they hold.

#![forbid(unsafe_code)]

use fosse_lockdown::enter_with;
use fosse_static::{PROGRAM, policy::POLICY, server, startup};

const USAGE: &str = "fosse-static --listen unix:PATH|ADDR:PORT... [--mode 0660] [--owner UID:GID] \
    [--sandbox-strict | --sandbox-trap | --no-sandbox] DIR";

fn main() {
    fosse_sys::panic::panic_hook(PROGRAM);
    let options = startup::Options::of_process(USAGE);
    let inputs = startup::inputs(&options);
    let locked = enter_with(&POLICY, options.mode, &[inputs.grant()]);
    server::run(inputs, locked)
}
