//! The command line, and the descriptors.

use fosse_args::{Args, Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_inherit::{Expected, Kind, MEMORY, STREAM};
use fosse_lockdown::Mode;

use crate::PROGRAM;

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "makes a private key, and the request for a certificate of it",
    flags: &[
        Flag {
            name: "--local",
            takes: Takes::Nothing,
            help: "make a certificate for this machine alone, by an authority that ends with it",
        },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    about: "It has no use in a shell: fosse-start gives it a file for the key, and a memory for the request.\n",
    ..Usage::NOTHING
};

/// A file, or memory.
const FILE: &[Kind] = &[Kind::File, Kind::Memfd];

/// Everything it inherits.
pub const DESCRIPTORS: &[Expected] = &[
    Expected::required(1, STREAM, "nothing"),
    Expected::required(5, MEMORY, "the names, and the kind of the key"),
    Expected::required(8, FILE, "the key"),
    Expected::required(9, FILE, "the request, or the certificate"),
    Expected::optional(10, FILE, "the certificate of the authority"),
];

/// Reads the command line, or ends the process with the usage. Returns whether a local certificate
/// is wanted.
#[must_use]
pub fn of_process() -> (Mode, bool) {
    let args = Args::of_process(&USAGE);
    (Mode::from_options(|option| args.has(option)), args.has("--local"))
}
