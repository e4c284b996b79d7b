//! The command line, and the directories it names.

use std::os::fd::OwnedFd;

use fosse_args::{Args, Flag, NO_SANDBOX, Positional, SANDBOX_STRICT, SANDBOX_TRAP, Takes, Usage};
use fosse_gather::places::Place;
use fosse_inherit::{Descriptors, Expected, MEMORY, STREAM};
use fosse_lockdown::Mode;
use fosse_sys::fd::Kind;
use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};

use crate::PROGRAM;

const USAGE: Usage = Usage {
    name: PROGRAM,
    summary: "reads rule files with all they include, and address lists, into one bundle",
    words: &[Positional::optional(Takes::Path("PATTERN..."))],
    flags: &[
        Flag {
            name: "--dir",
            takes: Takes::Path("PATH..."),
            help: "a directory to read below [the working directory]",
        },
        Flag {
            name: "--dir-fd",
            takes: Takes::Text("NUMBER=PATH..."),
            help: "the same, as a descriptor; fosse-start gives it",
        },
        SANDBOX_STRICT,
        SANDBOX_TRAP,
        NO_SANDBOX,
    ],
    about: "The bundle goes to the standard output. Without a pattern the blob on descriptor 5 says what to read.\n",
    ..Usage::NOTHING
};

/// A directory of the command line.
enum Given {
    Path(String),
    Descriptor(i32, String),
}

/// The command line.
pub struct Options {
    directories: Vec<Given>,
    /// Rule files named on it; none where a descriptor names them.
    pub patterns: Vec<String>,
    /// Strictness of the lock-down.
    pub mode: Mode,
}

impl Options {
    /// Reads the command line of the process, or ends it with the usage.
    #[must_use]
    pub fn of_process() -> Self {
        let args = Args::of_process(&USAGE);
        let mut directories: Vec<Given> = Vec::new();
        for word in args.values("--dir-fd") {
            let given = word
                .split_once('=')
                .and_then(|(number, path)| Some(Given::Descriptor(number.parse().ok()?, path.into())));
            directories.push(given.unwrap_or_else(|| args.refuse("--dir-fd takes NUMBER=PATH")));
        }
        directories.extend(args.values("--dir").iter().cloned().map(Given::Path));
        if directories.is_empty() {
            directories.push(Given::Path(".".to_owned()));
        }
        let mode = Mode::from_options(|option| args.has(option));
        let patterns = args.rest(0).to_vec();
        Self { directories, patterns, mode }
    }

    /// Returns the table of inherited descriptors. fd 5 is not in it where patterns are given:
    /// shells keep descriptors of their own.
    #[must_use]
    pub fn descriptors(&self) -> Vec<Expected> {
        let mut table = vec![Expected::required(1, STREAM, "the bundle")];
        if self.patterns.is_empty() {
            table.push(Expected::required(5, MEMORY, "what to read"));
        }
        for given in &self.directories {
            if let Given::Descriptor(number, _) = given {
                table.push(Expected::required(*number, &[Kind::Directory], "a directory"));
            }
        }
        table
    }

    /// Opens the directories, or takes those that were handed over.
    #[must_use]
    pub fn open(&self, fds: &mut Descriptors) -> Vec<Place> {
        let open = |given: &Given| match given {
            Given::Descriptor(number, path) => Place { path: path.clone(), directory: fds.required(*number) },
            Given::Path(path) => Place { path: absolute(path), directory: directory(path) },
        };
        self.directories.iter().map(open).collect()
    }
}

fn directory(path: &str) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, path, flags, FileMode::empty())
        .unwrap_or_else(|errno| fosse_die::fatal(PROGRAM, format_args!("unable to open the directory {path}: {errno}")))
}

/// Returns the path that absolute names begin with.
fn absolute(path: &str) -> String {
    std::fs::canonicalize(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}
