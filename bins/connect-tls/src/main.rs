//! fosse-connect-tls: speaks TLS with servers, over connections that fosse-connect has made.
//!
//! Hears fosse-connect on fd 8: a connected socket, and the number of the server that it leads to.
//! Certificates are on fd 9, settings on fd 5. What it replies with is one end of a stream pair
//! that carries the plaintext, or the reason why the server is not to be spoken with. It can
//! connect to nobody, opens nothing, and keeps for each connection two reads at most.

#![forbid(unsafe_code)]

use fosse_connect_tls::{policy::POLICY, server::Server};
use fosse_inherit::{Expected, MEMORY, MESSAGES};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-connect-tls", "speaks TLS with servers over connections of fosse-connect");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::required(8, MESSAGES, "fosse-connect"),
        Expected::optional(9, MEMORY, "certificates of authorities"),
    ],
    lingers: true,
};

fn main() {
    let inherited = Startup::of_process(&SPEC).inherit();
    fosse_connect_tls::server::prepare();
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given))
}
