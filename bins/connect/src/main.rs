//! fosse-connect: connects to backends for fosse-dispatch.
//!
//! Reads connect requests (a tag and a number) on fd 0, replies on fd 1 with the connected socket,
//! logs on fd 2. It keeps the table of backends and the attempts under way. It is the one program
//! of a lane that may call socket and connect.

#![forbid(unsafe_code)]

use fosse_connect::{descriptors::DESCRIPTORS, policy::POLICY, server::Server};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage("fosse-connect", "connects to backends for fosse-dispatch");

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: &DESCRIPTORS, lingers: false };

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
