//! fosse-encode: encodes responses in gzip, brotli and zstd on their way back to the client.
//!
//! Reads response frames on fd 0 and grants credit for them on fd 4; writes response frames on fd 1
//! and hears of credit, and of clients that are gone, on fd 3. Logs on fd 2. It keeps an encoder
//! for each response under way, within the lane's memory for them; what there is none for goes on
//! as it is.

#![forbid(unsafe_code)]

use fosse_encode::{
    policy::POLICY,
    server::{BeforeLock, DESCRIPTORS, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage = Usage::of_stage("fosse-encode", "encodes responses in gzip, brotli and zstd");

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: DESCRIPTORS, lingers: true };

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
