//! fosse-store: keeps the records of persistent collections (`initcol`, `setsid`, `setuid`,
//! `setrsc`).
//!
//! Reads what start says on fd 7, and from each filter that start introduces which records it wants
//! and what it changed; replies with records. It keeps them in memory alone, within a limit, each
//! for its time. It waits for no filter: one that does not read its replies is not listened to
//! until it does.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, LINES, MEMORY, MESSAGES};
use fosse_service::{Spec, Usage};
use fosse_store::{policy::POLICY, server::Server};

const USAGE: Usage = Usage::of_stage("fosse-store", "keeps the records of persistent collections");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
