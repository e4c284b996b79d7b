//! fosse-keys: signs handshakes for fosse-tls, and nothing else, with the private keys of an edge.
//!
//! Reads the image of keys on fd 9 and the seed of tickets on fd 10, hears fosse-tls on fd 8, and
//! replies with signatures of messages that have the form of a handshake, at a bounded rate. The
//! image cannot be swapped out, the process cannot be dumped. It keeps nothing.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES};
use fosse_keys::{
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-keys", "signs handshakes with private keys");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::required(8, MESSAGES, "fosse-tls"),
        Expected::required(9, MEMORY, "keys"),
        Expected::required(10, MEMORY, "seed of session tickets"),
    ],
    lingers: false,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
