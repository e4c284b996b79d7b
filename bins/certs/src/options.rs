//! The command line, and the descriptors.

use fosse_args::{Args, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Usage};
use fosse_inherit::{Expected, MEMORY, STREAM};
use fosse_lockdown::Mode;

use crate::PROGRAM;

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "checks certificates and keys, and makes images of them",
    flags: &[SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX],
    about: "It has no use in a shell: fosse-start gives it the files, and two memories for the images.\n",
    ..Usage::NOTHING
};

/// Everything it inherits.
pub const DESCRIPTORS: &[Expected] = &[
    Expected::required(1, STREAM, "nothing"),
    Expected::required(5, MEMORY, "what the files are"),
    Expected::required(8, MEMORY, "the files"),
    Expected::required(9, MEMORY, "the image of chains"),
    Expected::required(10, MEMORY, "the image of keys"),
];

/// Reads the command line, or ends the process with the usage.
#[must_use]
pub fn mode() -> Mode {
    let args = Args::of_process(&USAGE);
    Mode::from_options(|option| args.has(option))
}
