//! fosse-resolve: follows the names of backend servers, once for the whole edge.
//!
//! Reads its names on fd 5, logs on fd 2. The addresses go into the page on fd 9, which every
//! connect and dispatch reads and which outlives it; /etc/resolv.conf is on fd 10 and /etc/hosts on
//! fd 11. It keeps the questions under way, and is the only program that asks name servers.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, FILE, LINES, MEMORY, MESSAGES};
use fosse_resolve::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-resolve", "follows the names of backend servers");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::required(9, MEMORY, "page of addresses"),
        Expected::optional(10, FILE, "/etc/resolv.conf"),
        Expected::optional(11, FILE, "/etc/hosts"),
    ],
    lingers: false,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
