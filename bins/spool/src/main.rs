//! fosse-spool: keeps request bodies that are longer than memory has room for.
//!
//! Reads what start says on fd 7, and from each filter that start introduces bodies in pieces,
//! which it writes to the file on fd 8 and reads again when it is asked. The file has no name and a
//! fixed size; a body that does not fit costs the source that has most in it its largest one. It
//! alone waits for the disk.

#![forbid(unsafe_code)]

use fosse_inherit::{Expected, FILE, LINES, MEMORY, MESSAGES};
use fosse_service::{Spec, Usage};
use fosse_spool::{policy::POLICY, server::Server};

const USAGE: Usage = Usage::of_stage("fosse-spool", "keeps bodies that are longer than memory has room for");

const SPEC: Spec = Spec {
    usage: &USAGE,
    policy: &POLICY,
    descriptors: &[
        Expected::required(2, LINES, "log"),
        Expected::optional(6, MEMORY, "counter page"),
        Expected::required(7, MESSAGES, "start"),
        Expected::required(8, FILE, "the file for bodies"),
    ],
    lingers: false,
};

fn main() {
    fosse_service::run(&SPEC, Server::new)
}
