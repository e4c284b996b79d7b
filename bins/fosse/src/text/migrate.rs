//! `fosse migrate`: a configuration of another server as fosse.toml, and what of it was not carried
//! over.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, Severity, fatal, say, usage};
use fosse_migrate::{Format, TEXT_BYTES_MAX};
use fosse_paths::glob_matches;

use crate::PROGRAM;
use crate::configuration::{Configuration, bounded};
use crate::output::print;

/// Something was not carried over.
const EXIT_LEFT_OUT: i32 = 1;

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    let file = words.positional(0).unwrap_or_default();
    let format = words.value("--from").map_or_else(|| format_of(file), named);
    let Some(format) = format else {
        usage(PROGRAM, &format!("migrate: whose configuration is '{file}'? --from {} says so", FORMATS.join(", ")))
    };
    let text = read(Path::new(file)).unwrap_or_else(|why| fatal(PROGRAM, format_args!("unable to read {file}: {why}")));
    let directory = directory(Path::new(file));
    let files = |pattern: &str| included(&directory, pattern);
    let migrated = match fosse_migrate::migrate(format, (file.to_owned(), text), &files) {
        Ok(migrated) => migrated,
        Err(mistake) => {
            say(PROGRAM, Severity::Fatal, mistake);
            return EXIT_PERMANENT;
        }
    };
    for note in &migrated.notes {
        eprintln!("{note}");
    }
    let refused = Configuration::of_text("fosse.toml", &migrated.toml).compiled(&crate::check::accounts()).err();
    if let Some(report) = &refused {
        // A file that served nothing which fosse can serve has no sites.
        eprintln!("{report}{PROGRAM}: warning: the result is not whole, for the reasons above");
    }
    let printed = print(&migrated.toml);
    if migrated.notes.is_empty() && refused.is_none() { printed } else { EXIT_LEFT_OUT }
}

/// The words of `--from`.
pub(crate) const FORMATS: &[&str] = &["nginx", "haproxy", "caddy"];

fn named(word: &str) -> Option<Format> {
    match word {
        "nginx" => Some(Format::Nginx),
        "haproxy" => Some(Format::Haproxy),
        "caddy" => Some(Format::Caddy),
        _ => None,
    }
}

/// Returns the server whose configuration a file of that name is.
fn format_of(file: &str) -> Option<Format> {
    let path = Path::new(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ends = |ending: &str| path.extension().is_some_and(|end| end == ending);
    match () {
        () if name.starts_with("Caddyfile") || ends("caddy") || ends("caddyfile") => Some(Format::Caddy),
        () if name.contains("haproxy") || ends("cfg") => Some(Format::Haproxy),
        () if file.contains("nginx") || ends("conf") => Some(Format::Nginx),
        () => None,
    }
}

/// Returns the directory that names of included files begin in: that of nginx.conf.
fn directory(file: &Path) -> PathBuf {
    let file = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
    let above = || file.ancestors().skip(1);
    let main = above().find(|directory| directory.join("nginx.conf").is_file());
    main.or_else(|| above().next()).map(Path::to_path_buf).unwrap_or_default()
}

fn read(path: &Path) -> Result<String, String> {
    let open = File::open(path).map_err(|error| error.to_string())?;
    let bytes = bounded(open, TEXT_BYTES_MAX, &path.to_string_lossy());
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Returns the files of a pattern, in the order of their names; a pattern may match none.
fn included(directory: &Path, pattern: &str) -> Result<Vec<fosse_migrate::File>, String> {
    let path = directory.join(pattern);
    let last = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let one = |path: &Path| {
        let text = read(path).map_err(|why| format!("unable to read {}: {why}", path.display()))?;
        Ok((path.to_string_lossy().into_owned(), text))
    };
    if !last.contains(['*', '?', '[']) {
        return Ok(vec![one(&path)?]);
    }
    let entries = fs::read_dir(path.parent().unwrap_or(directory)).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.path().is_file()).map(|entry| entry.path());
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with('.') && glob_matches(last.as_bytes(), name.as_bytes())
    };
    let mut found: Vec<PathBuf> = names.filter(fits).collect();
    found.sort();
    found.iter().map(|path| one(path)).collect()
}
