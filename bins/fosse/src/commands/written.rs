//! The commands about a configuration as a text.

use fosse_args::{Flag, HELP, Positional, Takes, Usage};

use crate::text::migrate::FORMATS;

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

pub(super) const MIGRATE: Usage = Usage {
    name: "migrate",
    summary: "turn the configuration of another server into fosse.toml",
    words: &[Positional::needed(Takes::Path("FILE"))],
    flags: &[
        Flag {
            name: "--from",
            takes: Takes::Word(FORMATS),
            help: "whose configuration it is [by the name of the file]",
        },
        HELP,
    ],
    about: "fosse.toml goes to the standard output. Each line that was not carried over goes to the standard error,\n\
            with what to do about it. Files that it includes, and maps of HAProxy, are read too.\n\
            Exit status 0 where all was carried over, 1 where something was not, 100 where it cannot be read.\n",
    ..Usage::NOTHING
};
