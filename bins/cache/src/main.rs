//! fosse-cache: keeps responses for all lanes.
//!
//! Hears from start on fd 7 of lanes, whose dispatch asks it for responses; asks applications for
//! those by request frames on fd 1 and response frames on fd 0, over a dispatch of its own. What it
//! keeps lies in the memory on fd 8, which every lane reads and it alone writes.

#![forbid(unsafe_code)]

use fosse_cache::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES, STREAM};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-cache", "keeps responses for all lanes");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(0, STREAM, "response frames"),
        Expected::required(1, STREAM, "request frames"),
        Expected::required(2, LINES, "log"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
        Expected::required(8, MEMORY, "memory for responses"),
    ],
    lingers: false,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
