//! fosse-load: reads rule files with all they include, and address lists, below fixed directories, and writes them in one
//! piece on fd 1.
//!
//! What to read stands in the blob on fd 5, or (in a shell) as patterns on the command line: then they are one rule set.
//! The directories are opened before the lock, or come as descriptors; after it nothing outside of them can be opened.
//! Nothing is written unless everything could be read; what could not is on fd 2, and the exit code is 100.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use fosse_args::Args;
use fosse_bundle::{Part, Parts, join_patterns};
use fosse_inherit::{Blob, Descriptors, Expected, MEMORY, STREAM, blob, inherit};
use fosse_load::places::{Place, Places};
use fosse_load::{PROGRAM, Troubles, lists, policy, rules};
use fosse_lockdown::{Mode, Sealed, enter_with};
use fosse_settings::Load;
use fosse_sys::fd::Kind;
use rustix::fs::{CWD, Mode as FileMode, OFlags, openat};

const USAGE: &str = "fosse-load [--dir PATH | --dir-fd NUMBER=PATH]... [--sandbox-strict | --sandbox-trap | --no-sandbox] \
    [PATTERN...] > bundle";

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let options = Options::of_process();
    let mut fds = inherit(PROGRAM, &options.descriptors());
    let mut out = File::from(fds.required(1));
    let task = options.patterns.is_empty().then(|| blob::<Load>(PROGRAM, &mut fds, 5));
    let places = Places::new(options.open(&mut fds), rustix::process::geteuid().as_raw());

    let locked = enter_with(&policy::POLICY, options.mode, &places.grants());

    let task = match task.map(|task: Sealed<Blob<Load>>| task.open(locked).read()) {
        Some(task) => task,
        None => Load { rules: vec![join_patterns(options.patterns.iter().map(String::as_str))], lists: Vec::new() },
    };
    let bytes = gather(&task, &places);
    if let Err(error) = out.write_all(&bytes) {
        fosse_die::temporary(PROGRAM, format_args!("unable to write: {error}"));
    }
}

/// Everything the task names, or the end of the program.
fn gather(task: &Load, places: &Places) -> Vec<u8> {
    let mut troubles = Troubles::default();
    let bundle = rules(&task.rules, places, &mut troubles);
    let images = lists(&task.lists, places, &mut troubles);
    if !troubles.is_empty() {
        // A reader of messages that is gone changes nothing: the exit code says it too.
        let _ = std::io::stderr().write_all(troubles.to_string().as_bytes());
        let count = troubles.total();
        let files = if count == 1 { "file is not as it" } else { "files are not as they" };
        fosse_die::fatal(PROGRAM, format_args!("{count} {files} should be; nothing was changed"));
    }
    let too_much = |error| -> ! { fosse_die::fatal(PROGRAM, format_args!("too much to hand over: {error}")) };
    let rules = bundle.encode().unwrap_or_else(|error| too_much(error));
    let mut parts = vec![Part::Rules(&rules)];
    parts.extend(images.iter().map(|(listener, image)| Part::Addresses { listener: *listener, image }));
    Parts { parts }.encode().unwrap_or_else(|error| too_much(error))
}

/// A directory of the command line.
enum Given {
    Path(String),
    Descriptor(i32, String),
}

/// The command line.
struct Options {
    directories: Vec<Given>,
    patterns: Vec<String>,
    mode: Mode,
}

impl Options {
    fn of_process() -> Self {
        let mut args = Args::of_process(PROGRAM, USAGE);
        let mut directories: Vec<Given> = Vec::new();
        for word in args.values("--dir-fd") {
            let given = word
                .split_once('=')
                .and_then(|(number, path)| Some(Given::Descriptor(number.parse().ok()?, path.into())));
            directories.push(given.unwrap_or_else(|| args.refuse("--dir-fd takes NUMBER=PATH")));
        }
        directories.extend(args.values("--dir").into_iter().map(Given::Path));
        if directories.is_empty() {
            directories.push(Given::Path(".".to_owned()));
        }
        let modes = [Mode::Strict, Mode::Trap, Mode::Off];
        let asked = modes.into_iter().find(|mode| mode.option().is_some_and(|option| args.flag(option)));
        let patterns = std::iter::from_fn(|| args.word()).collect();
        args.end();
        Self { directories, patterns, mode: asked.unwrap_or_else(Mode::from_environment) }
    }

    /// fd 5 is not looked at where patterns are given: shells keep descriptors of their own.
    fn descriptors(&self) -> Vec<Expected> {
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

    fn open(&self, fds: &mut Descriptors) -> Vec<Place> {
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

/// The path that absolute names begin with.
fn absolute(path: &str) -> String {
    std::fs::canonicalize(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}
