//! fosse-accept: takes client connections, judges their address, passes each to a lane.
//!
//! Reads no byte of any client. Listening sockets, lanes and address lists come from start on fd 7,
//! its settings as a blob on fd 5; connections go out over each lane's SEQPACKET channel, and come
//! back as numbers when they are over.

#![forbid(unsafe_code)]

use fosse_accept::{policy::POLICY, server::Server};
use fosse_inherit::{Expected, MEMORY, MESSAGES};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage("fosse-accept", "takes client connections and passes each to a lane");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
    ],
    lingers: true,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
