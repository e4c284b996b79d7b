//! fosse-static: serves the files of one directory.
//!
//! Reads requests on connections of its own listeners, writes responses there, logs on fd 2. The
//! directory and the listeners are opened before the lock; after it nothing outside of the
//! directory can be opened, and nothing written. It keeps connections, each with one response under
//! way, and bounds their number, their time and their memory.

#![forbid(unsafe_code)]

use std::os::fd::AsFd;

use fosse_inherit::{Expected, LINES};
use fosse_service::{Spec, Startup};
use fosse_static::{
    policy::POLICY,
    server::Server,
    startup::{Options, USAGE, inputs},
};

const SPEC: Spec =
    Spec { usage: &USAGE, policy: &POLICY, descriptors: &[Expected::required(2, LINES, "log")], lingers: false };

fn main() {
    let startup = Startup::of_process(&SPEC);
    let options = Options::take(&startup.args);
    let inherited = startup.inherit();
    let inputs = inputs(&options);
    let (process, _) = inherited.lock_with(&[inputs.root.as_fd()]);
    process.serve(|process| Server::new(process, inputs))
}
