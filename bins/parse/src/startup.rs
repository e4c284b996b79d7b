//! The descriptors, and what is done to them before the lock, which forbids fstat(2) and fcntl(2).
//! Nothing is read from them.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary};
use fosse_inherit::{Descriptors, Expected, LINES, MEMORY, MESSAGES, STREAM};
use fosse_lockdown::Sealed;
use fosse_stage::{Input, Output};
use fosse_wire::frame::Hello;

use crate::PROGRAM;

/// The descriptors of a stage of a lane. fd 2 is not among them: it stays where it is.
pub const LANE: &[Expected] = &[
    Expected::required(0, STREAM, "response frames"),
    Expected::required(1, STREAM, "request frames"),
    Expected::required(5, MEMORY, "configuration"),
    Expected::optional(6, MEMORY, "counter page"),
    Expected::optional(7, MESSAGES, "start"),
    Expected::required(8, MESSAGES, "connections from accept"),
    Expected::optional(9, MESSAGES, "client sockets for dispatch"),
    Expected::optional(10, LINES, "access log"),
    Expected::optional(11, MEMORY, "pages"),
    Expected::optional(12, STREAM, "encoded response frames"),
    Expected::optional(13, STREAM, "credit for encode"),
    Expected::optional(14, MEMORY, "rates of sources"),
    Expected::optional(15, MEMORY, "questions"),
];

/// The descriptors of the head of a shell pipeline.
pub const SHELL: &[Expected] =
    &[Expected::required(0, STREAM, "requests"), Expected::required(1, STREAM, "request frames")];

/// The ring of a lane, and what its requests are logged to.
#[derive(Debug)]
pub struct Lane {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) encode: Option<(Input, Output)>,
    pub(crate) access: Option<OwnedFd>,
    /// The number before that of the first request.
    pub(crate) request_first: u64,
}

/// Takes what a stage of a lane needs before the lock.
pub fn lane(descriptors: &mut Descriptors) -> Sealed<Lane> {
    let encode = descriptors.optional(12).zip(descriptors.optional(13));
    Sealed::new(Lane {
        encode: encode.map(|(from, to)| (Input::new(from), Output::new(to, Hello::default()))),
        input: Input::new(descriptors.required(0)),
        output: Output::new(descriptors.required(1), Hello::default()),
        access: descriptors.optional(10).inspect(set_nonblocking),
        request_first: random(),
    })
}

/// Takes the two ends of a shell pipeline.
pub fn shell(descriptors: &mut Descriptors) -> Sealed<(OwnedFd, Output)> {
    let hello = Hello { credit_unlimited: true };
    Sealed::new((descriptors.required(0), Output::new(descriptors.required(1), hello)))
}

/// Keeps the log from stopping us: a full pipe drops lines.
fn set_nonblocking(fd: &OwnedFd) {
    let flags = rustix::fs::fcntl_getfl(fd);
    if flags.and_then(|flags| rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)).is_err() {
        temporary(PROGRAM, "unable to make the access log pipe nonblocking");
    }
}

/// Returns any 64 bits: request numbers begin there, so that those of two processes do not meet.
fn random() -> u64 {
    let mut bytes = [0u8; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => fatal(PROGRAM, "the kernel has no random bytes"),
    }
}
