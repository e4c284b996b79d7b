//! fosse-tls: speaks TLS with clients, and hands their plaintext to the front of its lane.
//!
//! Takes connections of TLS listeners on fd 8, reads what they begin with, and has handshakes
//! signed over fd 10; certificates are on fd 11, settings on fd 5. Who is through goes to the front
//! over fd 9, with what is known of it; a certificate authority that asks for a proof goes to
//! fosse-acme, over fd 13. It holds no private key, can open nothing, and keeps for each client two
//! reads at most.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, MEMORY, MESSAGES};
use fosse_service::{Spec, Startup, Usage};
use fosse_tls::{policy::POLICY, server::Server};

const USAGE: Usage = Usage::of_stage("fosse-tls", "speaks TLS with clients and hands their plaintext to a front");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::optional(7, MESSAGES, "start"),
        Expected::required(8, MESSAGES, "connections"),
        Expected::required(9, MESSAGES, "clients whose handshake is done"),
        Expected::required(10, MESSAGES, "signatures"),
        Expected::required(11, MEMORY, "certificates"),
        Expected::optional(12, MESSAGES, "clients that speak HTTP/2"),
        Expected::optional(13, MESSAGES, "connections of certificate authorities"),
    ],
    lingers: true,
};

fn main() {
    let inherited = Startup::of_process(&SPEC).inherit();
    fosse_tls::server::prepare();
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given))
}
