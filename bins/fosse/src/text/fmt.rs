//! `fosse fmt`: configurations in their one layout.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};
use fosse_layout::{NoLayout, layout};
use fosse_model::{CONFIGURATION_BYTES_MAX, Source, syntax};

use crate::PROGRAM;
use crate::configuration::bounded;
use crate::output::print;

/// `--check` has found another layout.
const EXIT_OTHER: i32 = 1;

/// Lays all files out. Returns the exit status of the one that has the worst.
pub(crate) fn run(words: &Args) -> i32 {
    let only_check = words.has("--check");
    words.rest(0).iter().map(|file| one(file, only_check)).max().unwrap_or(0)
}

fn one(file: &str, only_check: bool) -> i32 {
    let (name, bytes) = match file {
        "-" => ("standard input", bounded(io::stdin().lock(), CONFIGURATION_BYTES_MAX, "standard input")),
        file => match File::open(file) {
            Ok(open) => (file, bounded(open, CONFIGURATION_BYTES_MAX, file)),
            Err(error) => return failed(EXIT_PERMANENT, format_args!("unable to read {file}: {error}")),
        },
    };
    if let Err(report) = syntax(Source { name, bytes: &bytes }) {
        let _ = io::stderr().write_all(report.to_string().as_bytes());
        return EXIT_PERMANENT;
    }
    let before = String::from_utf8_lossy(&bytes);
    let after = match layout(&before) {
        Ok(after) => after,
        Err(NoLayout::NotToml) => return failed(EXIT_PERMANENT, format_args!("{name} is not TOML")),
        Err(NoLayout::Changed) => {
            return failed(EXIT_PERMANENT, format_args!("{name} has no layout that means the same; it stays as it is"));
        }
    };
    match (only_check, before == after) {
        (true, true) => 0,
        (true, false) => {
            print(&format!("{name}:{}: has another layout\n", first_difference(&before, &after)));
            EXIT_OTHER
        }
        (false, _) if file == "-" => print(&after),
        (false, true) => 0,
        (false, false) => match replace(Path::new(file), after.as_bytes()) {
            Ok(()) => print(&format!("{name}\n")),
            Err(error) => failed(EXIT_TEMPORARY, format_args!("unable to write {file}: {error}")),
        },
    }
}

fn failed(status: i32, why: std::fmt::Arguments<'_>) -> i32 {
    say(PROGRAM, Severity::Fatal, why);
    status
}

/// Returns the number of the first line that differs.
fn first_difference(before: &str, after: &str) -> usize {
    let same = before.split('\n').zip(after.split('\n')).take_while(|(one, other)| one == other);
    same.count() + 1
}

/// Replaces a file at once, with its owner and its permissions: an edge that reloads meanwhile
/// reads the old one or the new one.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays one.
    let file = file.canonicalize()?;
    let facts = fs::metadata(&file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = write_new(&new, bytes, &facts).and_then(|()| fs::rename(&new, &file));
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

fn write_new(path: &Path, bytes: &[u8], facts: &fs::Metadata) -> io::Result<()> {
    let mut new = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let own = new.metadata()?;
    if (own.uid(), own.gid()) != (facts.uid(), facts.gid()) {
        fchown(&new, Some(facts.uid()), Some(facts.gid()))?;
    }
    new.set_permissions(facts.permissions())?;
    new.write_all(bytes)?;
    new.sync_all()
}
