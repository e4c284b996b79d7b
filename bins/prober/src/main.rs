//! fosse-prober: checks the health of backend servers, once for the whole edge.
//!
//! Reads its checks on fd 5, logs on fd 2. Connections come from a fosse-connect of its own on fd
//! 8; what it finds out goes into the page on fd 9, which the dispatch of every lane reads and
//! which outlives it. It keeps the checks under way, and has neither socket nor connect.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES};
use fosse_prober::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-prober", "checks the health of backend servers");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::required(8, MESSAGES, "sockets from connect"),
        Expected::required(9, MEMORY, "page of results"),
    ],
    lingers: false,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
