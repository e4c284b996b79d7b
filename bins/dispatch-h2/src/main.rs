//! fosse-dispatch-h2: lets exchanges of fosse-dispatch share HTTP/2 connections to servers.
//!
//! Asks for connections and replies on fd 8, which is its conversation with fosse-connect; logs on
//! fd 2. It is given every socket that it uses.

#![forbid(unsafe_code)]

use fosse_dispatch_h2::{PROGRAM, descriptors::DESCRIPTORS, policy::POLICY, server::Server};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage(PROGRAM, "lets exchanges share HTTP/2 connections to servers");

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: &DESCRIPTORS, lingers: true };

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
