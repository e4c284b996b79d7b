//! The descriptors, and what is done to them before the lock. Those of a lane are the same for all
//! fronts.

use std::os::fd::OwnedFd;

use fosse_front::startup::Lane;
use fosse_inherit::{Descriptors, Expected, STREAM};
use fosse_lockdown::Sealed;
use fosse_stage::Output;
use fosse_wire::frame::Hello;

use crate::PROGRAM;

pub use fosse_front::startup::LANE;

/// The descriptors of the head of a shell pipeline.
pub const SHELL: &[Expected] =
    &[Expected::required(0, STREAM, "requests"), Expected::required(1, STREAM, "request frames")];

/// Takes what a stage of a lane needs before the lock.
pub fn lane(descriptors: &mut Descriptors) -> Sealed<Lane> {
    fosse_front::startup::lane(PROGRAM, descriptors)
}

/// Takes the two ends of a shell pipeline.
pub fn shell(descriptors: &mut Descriptors) -> Sealed<(OwnedFd, Output)> {
    let hello = Hello { credit_unlimited: true };
    Sealed::new((descriptors.required(0), Output::new(descriptors.required(1), hello)))
}
