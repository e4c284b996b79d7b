//! fosse-status: shows what the programs of an edge count.
//!
//! Reads counter pages (start hands them over on fd 7, read-only) and HTTP/1.0 requests from the
//! unix socket on fd 8, and for /metrics alone from the TCP socket on fd 9. It keeps the pages of
//! the living, and the sums of the dead in the page on fd 10, which the next fosse-status goes on
//! from. Who runs the edge, or root, changes the states of servers over the unix socket: they are
//! in the page on fd 11, which dispatch reads; and sees connections, and ends some, by questions in
//! the page on fd 12, which parse reads. It waits for no client: a bounded number is served
//! at a time, each for a bounded time.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, Kind, LINES, MEMORY, MESSAGES};
use fosse_service::{Spec, Usage};
use fosse_status::{policy::POLICY, server::Server};

const USAGE: Usage = Usage::of_stage("fosse-status", "shows what the programs of an edge count");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
        Expected::optional(8, &[Kind::UnixListener], "clients"),
        Expected::optional(9, &[Kind::InetListener], "clients by TCP"),
        Expected::required(10, MEMORY, "sums"),
        Expected::optional(11, MEMORY, "states of servers"),
        Expected::optional(12, MEMORY, "questions"),
        Expected::optional(13, MEMORY, "renewals of certificates"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
