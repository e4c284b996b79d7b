//! fosse-connect: connects to backends for fosse-dispatch.
//!
//! Reads connect requests (a tag and a number) on fd 0, replies on fd 1 with the connected socket,
//! logs on fd 2. It keeps the table of backends and the attempts under way. It is the one program
//! of a lane that may call socket and connect.

#![forbid(unsafe_code)]

use fosse_connect::{policy::POLICY, server::Server};
use fosse_inherit::{Expected, MEMORY, MESSAGES};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage("fosse-connect", "connects to backends for fosse-dispatch");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(0, MESSAGES, "connect requests from dispatch"),
        Expected::required(1, MESSAGES, "replies to dispatch"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
