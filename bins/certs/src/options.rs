//! The command line, and the descriptors.

use fosse_args::{Args, Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_inherit::{Expected, MEMORY, STREAM};
use fosse_lockdown::Mode;

use crate::{PROGRAM, sound::Strictness};

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "checks certificates and keys, and makes images of them",
    flags: &[
        Flag {
            name: "--refuse-untimely",
            takes: Takes::Nothing,
            help: "refuse a certificate that has expired or does not hold yet",
        },
        Flag {
            name: "--issued",
            takes: Takes::Text("N"),
            help: "number of a certificate of the store that is new, and has to be right",
        },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
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
    Expected::required(11, MEMORY, "what there is to say of the certificates"),
];

/// Reads the command line, or ends the process with the usage.
#[must_use]
pub fn of_process() -> (Mode, Strictness) {
    let args = Args::of_process(&USAGE);
    let issued = args.parsed("--issued", "the number of a certificate");
    let strictness = Strictness { untimely: args.has("--refuse-untimely"), issued };
    (Mode::from_options(|option| args.has(option)), strictness)
}
