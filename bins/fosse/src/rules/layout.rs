//! From a path of rules to its files: a file, a pattern, a directory of files, or a whole Core Rule
//! Set.

use std::path::{Path, PathBuf};

use fosse_gather::references::{Kind, references};

/// Loads the Core Rule Set in Debian's package modsecurity-crs.
const DEBIAN_LOADER: &str = "owasp-crs.load";

/// A file that every Core Rule Set has among its rules.
const CRS_FILE: &str = "REQUEST-901-INITIALIZATION.conf";

/// Settings that come before a Core Rule Set; without any of these files those that fosse brings
/// along do.
const SETTINGS: &[&str] = &["modsecurity.conf", "modsecurity.conf-recommended"];

/// The setup of a Core Rule Set, as a host has it or as it is published.
const SETUPS: &[&str] = &["crs-setup.conf", "crs-setup.conf.example"];

/// Entry patterns in the words of `rules = [...]` in fosse.toml: absolute paths, and words for
/// embedded files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Settings and setup before the rules of a Core Rule Set; empty for all else.
    pub before: Vec<String>,
    /// The rules.
    pub rules: Vec<String>,
}

impl Layout {
    /// Returns all entries, in order.
    #[must_use]
    pub(crate) fn entries(self) -> Vec<String> {
        self.before.into_iter().chain(self.rules).collect()
    }
}

/// Returns the entries of several paths, in order.
///
/// # Errors
/// One line for people.
pub(crate) fn entries(paths: &[String]) -> Result<Vec<String>, String> {
    let layouts = paths.iter().map(|path| of(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(layouts.into_iter().flat_map(Layout::entries).collect())
}

/// Returns the entries of a path.
///
/// # Errors
/// One line for people.
pub(crate) fn of(path: &str) -> Result<Layout, String> {
    let plain = |entry: String| Ok(Layout { before: Vec::new(), rules: vec![entry] });
    if fosse_builtin_rules::embedded(path).is_some() {
        return plain(path.to_owned());
    }
    let absolute = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
    if !absolute.is_dir() {
        return plain(shown(&absolute));
    }
    if let Ok(bytes) = std::fs::read(absolute.join(DEBIAN_LOADER)) {
        return Ok(as_loaded(&bytes));
    }
    let has_setup = |directory: &Path| SETUPS.iter().any(|name| directory.join(name).is_file());
    // The directory of a release, or its rules/, or one that has everything side by side.
    if absolute.join("rules").join(CRS_FILE).is_file() {
        return core_rule_set(&absolute, &absolute.join("rules"));
    }
    if absolute.join(CRS_FILE).is_file() {
        let top = absolute.parent().filter(|_| !has_setup(&absolute)).unwrap_or(&absolute);
        return core_rule_set(top, &absolute);
    }
    if confs(&absolute, |_| true)?.is_empty() {
        return Err(format!("{path}: neither *.conf nor a Core Rule Set (crs-setup.conf and rules/) is in it"));
    }
    plain(shown(&absolute.join("*.conf")))
}

/// Returns the files that Debian's loader names, as far as they exist: the first is the setup.
fn as_loaded(loader: &[u8]) -> Layout {
    let mut names = references(loader).into_iter().map(|one| one.name).filter(|name| exists(name));
    let before = [Some(fosse_builtin_rules::ENGINE_NAME.to_owned()), names.next()];
    Layout { before: before.into_iter().flatten().collect(), rules: names.collect() }
}

/// Returns settings, setup, the host's own files beside it and configuration of plugins; then
/// rules, with plugins before and after them.
fn core_rule_set(top: &Path, rules: &Path) -> Result<Layout, String> {
    let is_flat = top == rules;
    let own = confs(top, |name| !(SETTINGS.contains(&name) || SETUPS.contains(&name) || is_flat && is_of_crs(name)))?;
    let settings = SETTINGS.iter().map(|name| top.join(name)).find(|path| path.is_file());
    // A file that includes the rules itself says how all belongs together.
    if let Some(main) = own.iter().chain(&settings).find(|path| includes_rules(path)) {
        return Ok(Layout { before: Vec::new(), rules: vec![shown(main)] });
    }
    let plugins = |end: &str| confs(&top.join("plugins"), |name| name.ends_with(end)).unwrap_or_default();
    let setup = SETUPS.iter().map(|name| top.join(name)).find(|path| path.is_file());
    let settings = settings.map_or_else(|| fosse_builtin_rules::ENGINE_NAME.to_owned(), |path| shown(&path));
    let files = setup.into_iter().chain(own).chain(plugins("-config.conf"));
    let before = std::iter::once(settings).chain(files.map(|path| shown(&path))).collect();
    let pattern = rules.join(if is_flat { "RE*-*-*.conf" } else { "*.conf" });
    let (first, last) = (plugins("-before.conf"), plugins("-after.conf"));
    let rules = first.into_iter().chain([pattern]).chain(last).map(|path| shown(&path)).collect();
    Ok(Layout { before, rules })
}

/// Returns whether a file belongs to the set, by its name: REQUEST-901-INITIALIZATION.conf.
fn is_of_crs(name: &str) -> bool {
    name.starts_with("REQUEST-") || name.starts_with("RESPONSE-")
}

/// Returns whether a file of a host includes the rules.
fn includes_rules(path: &Path) -> bool {
    let named = std::fs::read(path).map(|bytes| references(&bytes)).unwrap_or_default();
    named.iter().any(|one| one.kind != Kind::Data && (one.name.contains("rules/") || one.name.contains("REQUEST-9")))
}

/// Returns the files `*.conf` of a directory whose names are wanted, in order.
fn confs(directory: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        path.is_file() && path.extension().is_some_and(|kind| kind == "conf") && wanted(&name)
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_wanted).collect();
    found.sort();
    Ok(found)
}

/// Returns the directories of the entries, each once: fosse-load must be allowed to read them.
#[must_use]
pub(crate) fn directories(entries: &[String]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in entries.iter().filter(|entry| fosse_builtin_rules::embedded(entry).is_none()) {
        let Some(parent) = Path::new(entry).parent().map(Path::to_path_buf) else { continue };
        if !found.contains(&parent) {
            found.push(parent);
        }
    }
    // A directory below another adds nothing.
    let inside = |path: &PathBuf| found.iter().any(|other| other != path && path.starts_with(other));
    found.iter().filter(|path| !inside(path)).cloned().collect()
}

/// Returns whether a name, or the directory of a pattern, exists.
fn exists(name: &str) -> bool {
    let path = Path::new(name);
    if name.contains(['*', '?']) { path.parent().is_some_and(Path::is_dir) } else { path.is_file() }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files.
    fn tree(files: &[&str]) -> (fosse_harness::Dir, PathBuf) {
        let dir = fosse_harness::Dir::new();
        for file in files {
            let path = dir.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let top = dir.path().to_owned();
        (dir, top)
    }

    fn under(top: &Path, layout: Layout) -> String {
        layout.entries().join(" ").replace(&format!("{}/", top.display()), "")
    }

    #[test]
    fn a_release_is_engine_setup_and_rules_whichever_directory_is_named() {
        let (_dir, top) = tree(&["rules/REQUEST-901-INITIALIZATION.conf", "crs-setup.conf.example"]);
        for path in [top.clone(), top.join("rules")] {
            let layout = of(&shown(&path)).unwrap();
            assert_eq!((layout.before.len(), layout.rules.len()), (2, 1));
            assert_eq!(directories(&layout.clone().entries()), std::slice::from_ref(&top));
            assert_eq!(under(&top, layout), "engine crs-setup.conf.example rules/*.conf");
        }
    }

    #[test]
    fn what_a_host_has_beside_the_rules_comes_before_them() {
        let files = [
            "rules/REQUEST-901-INITIALIZATION.conf",
            "crs-setup.conf",
            "crs-setup.conf.example",
            "modsecurity.conf",
            "own.conf",
            "plugins/a-before.conf",
            "plugins/a-config.conf",
            "plugins/a-after.conf",
        ];
        let (_dir, top) = tree(&files);
        let expected = "modsecurity.conf crs-setup.conf own.conf plugins/a-config.conf plugins/a-before.conf rules/*.conf \
            plugins/a-after.conf";
        assert_eq!(under(&top, of(&shown(&top)).unwrap()), expected);
        std::fs::write(top.join("own.conf"), "Include crs-setup.conf\nInclude rules/*.conf\n").unwrap();
        assert_eq!(under(&top, of(&shown(&top)).unwrap()), "own.conf");
    }

    #[test]
    fn everything_side_by_side_is_put_in_order() {
        let (_dir, top) = tree(&["REQUEST-901-INITIALIZATION.conf", "crs-setup.conf", "a.conf"]);
        assert_eq!(under(&top, of(&shown(&top)).unwrap()), "engine crs-setup.conf a.conf RE*-*-*.conf");
    }

    #[test]
    fn words_and_files_are_their_own_entries() {
        assert_eq!(of("builtin").unwrap().entries(), ["builtin"]);
        assert_eq!(of("/etc/a/*.conf").unwrap().entries(), ["/etc/a/*.conf"]);
        assert!(of("/proc/self/fd").unwrap_err().contains("neither"));
        assert_eq!(directories(&["builtin".to_owned()]), Vec::<PathBuf>::new());
    }
}
