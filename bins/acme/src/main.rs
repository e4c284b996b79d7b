//! fosse-acme: orders certificates of certificate authorities, and responds to their challenges.
//!
//! Reads its certificates on fd 5, logs on fd 2, gets requests for certificates from start and
//! gives it chains (fd 7). Connections to the authorities come from a fosse-connect of its own on
//! fd 8, those with their questions over the channels on fd 10 (HTTP) and 12 (TLS); what has to
//! survive is in the file on fd 9, and fosse-status reads from the page on fd 11 when each is
//! renewed. It keeps the orders under way and the keys of accounts, never that of a certificate but
//! those that prove a name, and has neither socket nor connect.

#![forbid(unsafe_code)]

use fosse_acme::{
    descriptors::DESCRIPTORS,
    policy::POLICY,
    server::{BeforeLock, Server},
};
use fosse_service::{Spec, Startup, Usage};

const USAGE: Usage =
    Usage::of_stage("fosse-acme", "orders certificates of certificate authorities, and responds to their challenges");

const SPEC: Spec = Spec { usage: &USAGE, policy: &POLICY, descriptors: &DESCRIPTORS, lingers: false };

fn main() {
    let mut inherited = Startup::of_process(&SPEC).inherit();
    let before = BeforeLock::of(&mut inherited.descriptors);
    let (process, given) = inherited.lock();
    process.serve(|process| Server::new(process, given, before))
}
