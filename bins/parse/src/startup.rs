//! The descriptors, and what is done to them before the lock. Those of a lane are the same for all
//! fronts.

use std::os::fd::OwnedFd;

use fosse_args::{Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_front::startup::{FRONT, Lane};
use fosse_inherit::{Descriptors, Expected, STREAM};
use fosse_lockdown::Sealed;
use fosse_stage::Output;
use fosse_wire::{frame::Hello, slots::Slots};

use crate::PROGRAM;

pub use fosse_front::startup::LANE;

/// Raw requests come on fd 0, and frames go out on fd 1.
pub const STDIN: Flag =
    Flag { name: "--stdin", takes: Takes::Nothing, help: "read requests as clients send them, write frames" };

/// The command line.
pub const USAGE: Usage = Usage {
    name: "fosse-parse",
    summary: "turns client byte streams into request frames and response frames back",
    flags: &[STDIN, FRONT, SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX],
    about: "Without --stdin fosse-start runs it; fosse-parse(8) is the manual.\n",
    ..Usage::NOTHING
};

/// The descriptors of the head of a shell pipeline.
pub const SHELL: &[Expected] =
    &[Expected::required(0, STREAM, "requests"), Expected::required(1, STREAM, "request frames")];

/// Takes what a stage of a lane needs before the lock.
pub fn lane(slots: Slots, descriptors: &mut Descriptors) -> Sealed<Lane> {
    fosse_front::startup::lane(PROGRAM, slots, descriptors)
}

/// Takes the two ends of a shell pipeline.
pub fn shell(descriptors: &mut Descriptors) -> Sealed<(OwnedFd, Output)> {
    let hello = Hello { credit_unlimited: true, ..Hello::default() };
    Sealed::new((descriptors.required(0), Output::new(descriptors.required(1), hello)))
}
