//! The commands about a configuration as a text.

use fosse_args::{Flag, HELP, Positional, Takes, Usage};

pub(super) const FMT: Usage = Usage {
    name: "fmt",
    summary: "write configurations in their one layout",
    words: &[Positional::needed(Takes::Path("FILE..."))],
    flags: &[
        Flag {
            name: "--check",
            takes: Takes::Nothing,
            help: "say which files have another layout, and change nothing",
        },
        HELP,
    ],
    about: "Changes blanks and empty lines alone: values, comments and their order stay. \"-\" is the standard input,\n\
            and the standard output then.\n\
            Exit status 0, or 1 where --check has found another layout, or 100 where a file is not TOML.\n",
    ..Usage::NOTHING
};
