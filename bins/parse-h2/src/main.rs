//! fosse-parse-h2: turns HTTP/2 connections into request frames and response frames back.
//!
//! Reads response frames on fd 0 and 12, writes request frames on fd 1, logs on fd 2. Sockets of
//! clients come on fd 8 from fosse-accept; fd 10 takes the access log. It keeps the connections of
//! its lane, as many requests of each in the ring as HTTP/2 lets it have, and bounds what it holds
//! by credit, which is the window of the client.

#![forbid(unsafe_code)]

use fosse_args::{NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Usage};
use fosse_front::startup;
use fosse_parse_h2::{PROGRAM, policy::POLICY, server::Server};
use fosse_service::{Spec, Startup};

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "turns HTTP/2 connections into request frames and response frames back",
    flags: &[startup::FRONT, SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX],
    about: "fosse-start runs it; fosse-parse-h2(8) is the manual.\n",
    ..Usage::NOTHING
};

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: startup::LANE, lingers: true };

fn main() {
    let startup = Startup::of_process(&SPEC);
    let slots = startup::slots(&startup.args);
    let mut inherited = startup.inherit();
    let lane = startup::lane(PROGRAM, slots, &mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, lane))
}
