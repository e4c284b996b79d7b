//! fosse-connect: connects to backends for fosse-dispatch.
//!
//! Reads connect requests (a tag and a number) on fd 0, replies on fd 1 with the connected socket,
//! logs on fd 2; the addresses of servers that have names are on fd 8. It keeps the table of
//! backends and the attempts under way. It is the one program of a lane that may call socket and
//! connect.

#![forbid(unsafe_code)]

use fosse_connect::{
    descriptors::DESCRIPTORS,
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-connect", "connects to backends for fosse-dispatch");

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: &DESCRIPTORS, lingers: false };

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
