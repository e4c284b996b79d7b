//! fosse-dispatch: speaks HTTP/1.1 to backends.
//!
//! Reads request frames on fd 0, writes response frames on fd 1, logs on fd 2. Client sockets for
//! leases come on fd 8, backend sockets from fosse-connect on fd 9. It keeps pooled backend
//! connections and the requests under way, and bounds what it buffers by the credit it grants. It
//! has neither socket nor connect.

#![forbid(unsafe_code)]

use fosse_dispatch::{policy::POLICY, server::Server};
use fosse_inherit::{Expected, MEMORY, MESSAGES, STREAM};
use fosse_service::{Spec, Startup, Usage};
use fosse_stage::{Input, Output};
use fosse_wire::frame::Hello;

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
    ],
    lingers: true,
};

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    // These ask for the type of their descriptor, which the lock forbids.
    let input = Input::new(inherited.descriptors.required(0));
    let output = Output::new(inherited.descriptors.required(1), Hello::default());
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, input, output))
}
