//! fosse-cache: keeps responses for all lanes.
//!
//! Hears from start on fd 7 of lanes, whose dispatch asks it for responses; asks applications for
//! those by request frames on fd 1 and response frames on fd 0. What it keeps lies in the memory on
//! fd 8, which every lane reads, and in the files on fd 9 and 10.

#![forbid(unsafe_code)]

use fosse_cache::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_inherit::{Expected, FILE, LINES, MEMORY, MESSAGES, STREAM};
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
        Expected::optional(9, FILE, "index of the responses on the disk"),
        Expected::optional(10, FILE, "responses on the disk"),
    ],
    lingers: false,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
