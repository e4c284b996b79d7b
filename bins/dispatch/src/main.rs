//! fosse-dispatch: speaks HTTP/1.1 to backends.
//!
//! Reads request frames on fd 0, writes response frames on fd 1, logs on fd 2. Client sockets for
//! leases come on fd 8, backend sockets on fd 9; fd 10 to 12 say which servers are out or drained.

#![forbid(unsafe_code)]

use fosse_dispatch::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_inherit::{Expected, MEMORY, MESSAGES, STREAM};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-dispatch", "speaks HTTP/1.1 to backends");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(0, STREAM, "request frames"),
        Expected::required(1, STREAM, "response frames"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::optional(8, MESSAGES, "client sockets from parse"),
        Expected::required(9, MESSAGES, "backend sockets from connect"),
        Expected::optional(10, MEMORY, "counter page of another lane's dispatch"),
        Expected::optional(11, MEMORY, "results of health checks"),
        Expected::optional(12, MEMORY, "states of servers that people give"),
    ],
    lingers: true,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
