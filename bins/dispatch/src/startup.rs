//! The command line.

use fosse_args::{Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};

/// The command line.
pub const USAGE: Usage = Usage {
    flags: &[
        Flag { name: "--fill", takes: Takes::Nothing, help: "asks for responses that are kept, for fosse-cache" },
        Flag { name: "--column", takes: Takes::Text("N"), help: "its column of the page of shared limits" },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    ..Usage::of_stage("fosse-dispatch", "speaks HTTP/1.1 to backends")
};
