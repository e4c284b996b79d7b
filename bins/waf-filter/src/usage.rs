//! The command line.

use fosse_args::{Flag, NO_SANDBOX, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};

/// The option that names rules.
pub const RULES: Flag = Flag {
    name: "--rules",
    takes: Takes::Path("PATH..."),
    help: "in a shell: a file, a directory, \"builtin\", \"engine\" or \"none\" [builtin]",
};
/// The option of the process that compiles the rules once for all lanes.
pub const ZYGOTE: Flag =
    Flag { name: "--zygote", takes: Takes::Nothing, help: "fosse-start gives it: fork filters with compiled rules" };

/// The command line.
pub const USAGE: Usage = Usage {
    name: "fosse-waf-filter",
    summary: "evaluates requests and responses by rules",
    flags: &[RULES, ZYGOTE, SANDBOX_STRICT, SANDBOX_TRAP, NO_SANDBOX],
    about: "In a shell it reads frames on the standard input and writes them, or verdicts, on the standard output.\n",
    ..Usage::NOTHING
};
