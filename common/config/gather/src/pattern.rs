//! The files that a pattern names.

use fosse_paths::glob_matches;

use crate::places::{Places, Refused};

/// Returns the names of the files that a pattern matches, in order; a plain name is itself.
pub(crate) fn expand(places: &Places, pattern: &str) -> Result<Vec<String>, Refused> {
    let (directory, last) = pattern.rsplit_once('/').map_or(("", pattern), |(directory, last)| (directory, last));
    if !last.contains(['*', '?', '[']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let listed = match places.list(directory) {
        Err(Refused::Missing) => Vec::new(),
        other => other?,
    };
    let hidden = last.starts_with('.');
    let fits = |name: &&String| name.starts_with('.') == hidden && glob_matches(last.as_bytes(), name.as_bytes());
    let prefix = if pattern.contains('/') { format!("{directory}/") } else { String::new() };
    Ok(listed.iter().filter(fits).map(|name| format!("{prefix}{name}")).collect())
}
