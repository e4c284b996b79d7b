//! The files a rule set is made of, by name: nothing in this crate opens one.

use std::collections::BTreeMap;

/// File names and their bytes. Names are paths with `/`; a name in a rule file is looked up as it is written, then
/// relative to the file that names it.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// An empty bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, replacing one of the same name. `./` and `//` in the name are taken out.
    pub fn insert(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.files.insert(tidy(name), bytes.into());
    }

    /// The bytes of a file.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(&tidy(name)).map(Vec::as_slice)
    }

    /// The names in the bundle, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The file `name` as written in `from`, with the name it is stored under.
    pub(crate) fn resolve(&self, from: &str, name: &str) -> Option<(&str, &[u8])> {
        let candidates = [tidy(name), beside(from, name)];
        candidates.iter().find_map(|candidate| {
            self.files.get_key_value(candidate).map(|(known, bytes)| (known.as_str(), bytes.as_slice()))
        })
    }

    /// Every file whose name matches the glob `pattern` as written in `from`, in order of name.
    pub(crate) fn matching(&self, from: &str, pattern: &str) -> Vec<&str> {
        let (plain, relative) = (tidy(pattern), beside(from, pattern));
        let found = |glob: &str| -> Vec<&str> {
            self.names().filter(|name| glob_matches(glob.as_bytes(), name.as_bytes())).collect()
        };
        let direct = found(&plain);
        if direct.is_empty() { found(&relative) } else { direct }
    }
}

/// The name `name` has for a file that stands next to `from`.
fn beside(from: &str, name: &str) -> String {
    match from.rfind('/').and_then(|end| from.get(..end)) {
        Some(directory) if !name.starts_with('/') => tidy(&format!("{directory}/{name}")),
        _ => tidy(name),
    }
}

/// The name without `.` and empty parts, and with `..` resolved as far as there is a part to drop.
fn tidy(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let rooted = if name.starts_with('/') { "/" } else { "" };
    format!("{rooted}{}", parts.join("/"))
}

/// Shell globbing: `*` and `?` within a path part, `[a-z]` and `[!a-z]` for one byte.
fn glob_matches(pattern: &[u8], name: &[u8]) -> bool {
    // Where to go back to: pattern after the last `*`, and the name byte that `*` is to swallow next.
    let (mut pattern_rest, mut name_rest) = (pattern, name);
    let mut back: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern_rest.split_first(), name_rest.split_first()) {
            (Some((b'*', rest)), _) => {
                back = Some((rest, name_rest));
                pattern_rest = rest;
                continue;
            }
            (None, None) => return true,
            (Some((b'?', rest)), Some((byte, tail))) if *byte != b'/' => {
                (pattern_rest, name_rest) = (rest, tail);
                continue;
            }
            (Some((b'[', rest)), Some((byte, tail))) => {
                if let Some((true, after)) = class_matches(rest, *byte) {
                    (pattern_rest, name_rest) = (after, tail);
                    continue;
                }
            }
            (Some((want, rest)), Some((byte, tail))) if want == byte => {
                (pattern_rest, name_rest) = (rest, tail);
                continue;
            }
            _ => {}
        }
        match back {
            Some((after_star, swallow)) => match swallow.split_first() {
                Some((byte, tail)) if *byte != b'/' => {
                    back = Some((after_star, tail));
                    (pattern_rest, name_rest) = (after_star, tail);
                }
                _ => return false,
            },
            None => return false,
        }
    }
}

/// Whether `byte` is of the class that begins after `[`, and what follows the class.
fn class_matches(class: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match class.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        let (low, after) = rest.split_first()?;
        if *low == b']' {
            return Some((found != negated, after));
        }
        rest = match after {
            [b'-', high, tail @ ..] if *high != b']' => {
                found |= (*low..=*high).contains(&byte);
                tail
            }
            _ => {
                found |= *low == byte;
                after
            }
        };
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

    #[test]
    fn globs_like_a_shell() {
        for (pattern, name, expected) in [
            ("rules/*.conf", "rules/a.conf", true),
            ("rules/*.conf", "rules/deep/a.conf", false),
            ("rules/*.conf", "rules/a.conf.example", false),
            ("r?les/[a-c]*.conf", "rules/beta.conf", true),
            ("rules/[!a-c]*.conf", "rules/beta.conf", false),
            ("*a*b*c", "xaxxbxxc", true),
            ("*a*b*c", "xaxxbxx", false),
            ("[", "[", false),
        ] {
            assert_eq!(glob_matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }
}
