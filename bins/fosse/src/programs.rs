//! The directory of the edge's programs.

use std::path::{Path, PathBuf};

/// The directory that packages use.
const INSTALLED: &str = "/usr/libexec/fosse";

/// The environment variable that names another directory.
const VARIABLE: &str = "FOSSE_PROGRAMS";

/// Returns the directory: the one asked for, else that of the environment, else the first that
/// holds fosse-start of the one this program lies in, `libexec/fosse` of the prefix it is installed
/// below, and [`INSTALLED`].
///
/// # Errors
/// One line.
pub(crate) fn directory(asked: Option<&str>) -> Result<PathBuf, String> {
    if let Some(asked) = asked.map(PathBuf::from).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from)) {
        return if holds_start(&asked) {
            absolute(&asked)
        } else {
            Err(format!("{}: no fosse-start in it", asked.display()))
        };
    }
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf));
    let prefix = beside.as_deref().and_then(Path::parent).map(|prefix| prefix.join("libexec/fosse"));
    let found = beside.into_iter().chain(prefix).chain([PathBuf::from(INSTALLED)]).find(|place| holds_start(place));
    found.ok_or_else(|| format!("no fosse-start beside this program or in {INSTALLED}; --programs DIR names its place"))
}

fn holds_start(directory: &Path) -> bool {
    directory.join("fosse-start").is_file()
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}
