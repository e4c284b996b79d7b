//! fosse-dispatch: speaks HTTP/1.1 to backends.
//!
//! Reads request frames on fd 0, writes response frames on fd 1, logs on fd 2. Client sockets for
//! leases come on fd 8, backend sockets on fd 9; fd 10 to 13 say which servers are out or
//! drained, and where those are that have names; fd 14 has the keys of signed links,
//! fd 15 the responses that are kept. Responses that are to be encoded go to fd 17, and credit for
//! them comes on fd 16. fd 18 says what lanes have of the limits that they share.

#![forbid(unsafe_code)]

use fosse_dispatch::{
    descriptors::DESCRIPTORS,
    policy::POLICY,
    server::{BeforeLock, Server},
    startup::USAGE,
};
use fosse_service::{Spec, Startup};

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: DESCRIPTORS, lingers: true };

fn main() {
    let startup = Startup::of_process(&SPEC);
    let fills = startup.args.has("--fill");
    let column = startup.args.parsed("--column", "the number of a column");
    let mut inherited = startup.inherit();
    let before = BeforeLock::of(&mut inherited.descriptors, column);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before, fills))
}
