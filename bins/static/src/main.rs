//! fosse-static: serves the files of one directory.
//!
//! Reads requests on connections of its own listeners, or in an edge on those that fosse-connect
//! sends over fd 8; writes responses there, logs on fd 2. The directory and the listeners are
//! opened before the lock, or inherited; after it nothing outside of the directory can be opened,
//! and nothing written. It keeps connections, each with one response under way, and bounds their
//! number, their time and their memory.

#![forbid(unsafe_code)]

use std::os::fd::AsFd;

use fosse_inherit::Expected;
use fosse_service::{Spec, Startup};
use fosse_static::{
    policy::POLICY,
    server::Server,
    startup::{DESCRIPTORS, Inputs, Options, USAGE},
};

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: &DESCRIPTORS, lingers: false };

fn main() {
    let startup = Startup::of_process(&SPEC);
    let options = Options::take(&startup.args);
    // In a shell whatever else is open is none of ours, whatever its number.
    let table: &[Expected] = if options.is_some() { &DESCRIPTORS[..1] } else { &DESCRIPTORS };
    let mut inherited = startup.with_descriptors(table).inherit();
    let inputs = match options {
        Some(options) => Inputs::open(&options),
        None => Inputs::inherited(&mut inherited.descriptors),
    };
    let (process, given) = inherited.lock_with(&[inputs.root.as_fd()]);
    process.serve(|process| Server::new(process, given, inputs))
}
