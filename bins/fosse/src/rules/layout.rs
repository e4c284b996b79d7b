//! What a person means with a path of rules: a file, a pattern, a directory of files, or a whole Core Rule Set.

use std::path::{Path, PathBuf};

use fosse_load::references::references;

/// Loads the Core Rule Set in Debian's package modsecurity-crs.
const DEBIAN_LOADER: &str = "owasp-crs.load";

/// A file that every Core Rule Set has among its rules.
const CRS_FILE: &str = "REQUEST-901-INITIALIZATION.conf";

/// Entry patterns in the words of `rules = [...]` in fosse.toml: absolute paths, and words for embedded files.
///
/// # Errors
/// One line for people.
pub fn of(path: &str) -> Result<Vec<String>, String> {
    if fosse_rules::embedded(path).is_some() {
        return Ok(vec![path.to_owned()]);
    }
    let absolute = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
    if !absolute.is_dir() {
        return Ok(vec![shown(&absolute)]);
    }
    let engine = || vec![fosse_rules::ENGINE_NAME.to_owned()];
    let loader = absolute.join(DEBIAN_LOADER);
    if let Ok(bytes) = std::fs::read(&loader) {
        let named = references(&bytes).into_iter().map(|one| one.name).filter(|name| is_there(name));
        return Ok(engine().into_iter().chain(named).collect());
    }
    // The directory of a release, or its rules/.
    let is_rules = absolute.join(CRS_FILE).is_file();
    let top = if is_rules { absolute.parent().unwrap_or(&absolute).to_path_buf() } else { absolute.clone() };
    let rules = if is_rules { absolute.clone() } else { absolute.join("rules") };
    if rules.join(CRS_FILE).is_file() {
        let setups = ["crs-setup.conf", "crs-setup.conf.example"].map(|name| top.join(name));
        let setup = setups.iter().find(|path| path.is_file()).map(|path| shown(path));
        return Ok(engine().into_iter().chain(setup).chain([shown(&rules.join("*.conf"))]).collect());
    }
    let files = std::fs::read_dir(&absolute).map_err(|error| format!("{path}: {error}"))?;
    if files.flatten().any(|entry| entry.path().extension().is_some_and(|kind| kind == "conf")) {
        return Ok(vec![shown(&absolute.join("*.conf"))]);
    }
    Err(format!("{path}: neither *.conf nor a Core Rule Set (crs-setup.conf and rules/) is in it"))
}

/// Whether entry patterns are those of a Core Rule Set.
#[must_use]
pub fn is_core_rule_set(entries: &[String]) -> bool {
    entries.first().is_some_and(|first| first == fosse_rules::ENGINE_NAME)
}

/// The directories the entries lie in, each once: what fosse-load must be allowed to read.
#[must_use]
pub fn directories(entries: &[String]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in entries.iter().filter(|entry| fosse_rules::embedded(entry).is_none()) {
        let Some(parent) = Path::new(entry).parent().map(Path::to_path_buf) else { continue };
        if !found.contains(&parent) {
            found.push(parent);
        }
    }
    // A directory below another adds nothing.
    let inside = |path: &PathBuf| found.iter().any(|other| other != path && path.starts_with(other));
    found.iter().filter(|path| !inside(path)).cloned().collect()
}

/// Whether a name, perhaps a pattern, stands for something.
fn is_there(name: &str) -> bool {
    let path = Path::new(name);
    if name.contains(['*', '?']) { path.parent().is_some_and(Path::is_dir) } else { path.is_file() }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_engine_setup_and_rules_whichever_directory_is_named() {
        let dir = fosse_harness::Dir::new();
        std::fs::create_dir(dir.join("rules")).unwrap();
        std::fs::write(dir.join("rules").join(CRS_FILE), "").unwrap();
        std::fs::write(dir.join("crs-setup.conf.example"), "").unwrap();
        let top = dir.join("crs-setup.conf.example").parent().unwrap().to_path_buf();
        let expected =
            ["engine".to_owned(), shown(&top.join("crs-setup.conf.example")), shown(&top.join("rules/*.conf"))];
        assert_eq!(of(&shown(&top)).unwrap(), expected);
        assert_eq!(of(&shown(&top.join("rules"))).unwrap(), expected);
        assert!(is_core_rule_set(&expected));
        assert_eq!(directories(&expected), [top]);
    }

    #[test]
    fn words_and_files_stand_for_themselves() {
        assert_eq!(of("builtin").unwrap(), ["builtin"]);
        assert_eq!(of("/etc/a/*.conf").unwrap(), ["/etc/a/*.conf"]);
        assert!(of("/proc/self/fd").unwrap_err().contains("neither"));
        assert_eq!(directories(&["builtin".to_owned()]), Vec::<PathBuf>::new());
    }
}
