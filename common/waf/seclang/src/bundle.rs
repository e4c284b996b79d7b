//! The files a rule set is made of, by name: nothing in this crate opens one.

use std::collections::BTreeMap;

use fosse_paths::{glob_matches, normalise};

/// File names and their bytes. Names are paths with `/`; a name in a rule file is looked up as it
/// is written, then relative to the file that names it.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// Creates an empty bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, replacing one of the same name. `./` and `//` in the name are taken out.
    pub fn insert(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(normalise(name), bytes.into());
    }

    /// Returns the bytes of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(&normalise(name)).map(Vec::as_slice)
    }

    /// Iterates over the names in the bundle, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Finds the file `name` as written in `from`, with the name it is stored under.
    pub(crate) fn resolve(&self, from: &str, name: &str) -> Option<(&str, &[u8])> {
        let candidates = [normalise(name), beside(from, name)];
        candidates.iter().find_map(|candidate| {
            self.files.get_key_value(candidate).map(|(known, bytes)| (known.as_str(), bytes.as_slice()))
        })
    }

    /// Finds every file whose name matches the glob `pattern` as written in `from`, in order of
    /// name.
    pub(crate) fn matching(&self, from: &str, pattern: &str) -> Vec<&str> {
        let (plain, relative) = (normalise(pattern), beside(from, pattern));
        let found = |glob: &str| -> Vec<&str> {
            self.names().filter(|name| glob_matches(glob.as_bytes(), name.as_bytes())).collect()
        };
        let direct = found(&plain);
        if direct.is_empty() { found(&relative) } else { direct }
    }
}

/// Returns the path of `name` in the directory of `from`.
fn beside(from: &str, name: &str) -> String {
    match from.rfind('/').and_then(|end| from.get(..end)) {
        Some(directory) if !name.starts_with('/') => normalise(&format!("{directory}/{name}")),
        _ => normalise(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_file_beside_the_one_that_names_it() {
        let mut bundle = Bundle::new();
        bundle.insert("rules/./a.data", "x");
        assert_eq!(bundle.resolve("rules/main.conf", "a.data"), Some(("rules/a.data", b"x".as_slice())));
        assert_eq!(bundle.resolve("etc/main.conf", "../rules/a.data"), Some(("rules/a.data", b"x".as_slice())));
        assert_eq!(bundle.resolve("etc/main.conf", "a.data"), None);
    }
}
