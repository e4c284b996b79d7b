//! fosse-log: writes the log lines of all programs of an edge.
//!
//! Reads one pipe a process (start hands them over on fd 7), writes event lines on fd 1, access
//! lines on fd 9, audit lines on fd 10. It keeps an unfinished line for each pipe and bounds the
//! lines a process may write in a second. It never waits for whoever reads the log.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES};
use fosse_log::{policy::POLICY, server::Server};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage("fosse-log", "writes the log lines of all programs of an edge");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(1, LINES, "event lines"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
        Expected::optional(9, LINES, "access lines"),
        Expected::optional(10, LINES, "audit lines"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
