//! fosse-parse: turns client byte streams into request frames and response frames back into bytes.
//!
//! Reads response frames on fd 0 and 12, writes request frames on fd 1, logs on fd 2. Sockets of
//! clients come on fd 8 from fosse-accept and are lent to fosse-dispatch on fd 9; fd 10 takes the
//! access log. It keeps the connections of its lane, one request of each in the ring at a time, and
//! bounds what it holds by credit. With `--stdin` it reads raw requests on fd 0 instead.

#![forbid(unsafe_code)]

use fosse_front::startup::slots;
use fosse_parse::{limits::MAPPED_BLOCK_BYTES_MIN, policy::POLICY, server::Server, startup, stdin};
use fosse_service::{Spec, Startup};

const SPEC: Spec = Spec { usage: &startup::USAGE, policy: &POLICY, descriptors: startup::LANE, lingers: true };

fn main() {
    let startup = Startup::of_process(&SPEC);
    if startup.args.has(startup::STDIN.name) {
        let mut inherited = startup.with_descriptors(startup::SHELL).inherit();
        let ends = startup::shell(&mut inherited.descriptors);
        let (_, given) = inherited.lock();
        stdin::serve(given.open(ends))
    }
    fosse_sys::memory::map_blocks_from(MAPPED_BLOCK_BYTES_MIN);
    let slots = slots(&startup.args);
    let mut inherited = startup.inherit();
    let lane = startup::lane(slots, &mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, lane))
}
