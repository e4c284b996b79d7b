//! fosse-password: checks passwords of users against their hashes.
//!
//! Reads the users on fd 5 and 8, what start says on fd 7, and from each dispatch that start
//! introduces which password is to be checked; replies whether it is the user's. A check is one
//! long computation: one is made in a turn, sources take turns, and each may have few that wait.
//! What a check has seen is wiped. It keeps nothing between two checks.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES};
use fosse_password::{policy::POLICY, server::Server};
use fosse_service::{Spec, Usage};

const USAGE: Usage = Usage::of_stage("fosse-password", "checks passwords of users");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::required(5, MEMORY, "configuration"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
        Expected::optional(8, MEMORY, "files of users"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
