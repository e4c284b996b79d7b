//! Rule sets with all their files: patterns expanded, includes and data followed until nothing new
//! is named.

use std::collections::{BTreeMap, BTreeSet};

use fosse_bundle::{Bundle, FILES_COUNT_MAX, RuleSet, is_plain_name, split_patterns};
use fosse_paths::normalise;

use crate::pattern::expand;
use crate::places::{Places, Refused};
use crate::problems::Problems;
use crate::references::{Kind, Reference, references};

/// One file: the largest of CRS 4 has 200 KB, lists of bad words some megabytes.
const FILE_BYTES_MAX: usize = 16 << 20;
/// All files together.
const RULES_BYTES_MAX: usize = 256 << 20;

/// The files found so far, and those to follow.
struct Gathering<'p> {
    places: &'p Places,
    files: BTreeMap<String, Vec<u8>>,
    bytes: usize,
    /// Rule files, and of those the ones whose references have not been looked at.
    rules: BTreeSet<String>,
    open: Vec<String>,
}

/// Returns the bundle of the rule sets, each given as its joined entry patterns. Files that cannot
/// be read are noted.
pub fn rules(sets: &[String], places: &Places, problems: &mut Problems) -> Bundle {
    let mut gathering =
        Gathering { places, files: BTreeMap::new(), bytes: 0, rules: BTreeSet::new(), open: Vec::new() };
    let mut bundle = Bundle::default();
    for set in sets {
        let mut entries = Vec::new();
        for pattern in split_patterns(set) {
            if let Some(text) = fosse_builtin_rules::embedded(pattern) {
                gathering.embedded(pattern, text);
                entries.push(pattern.to_owned());
                continue;
            }
            match expand(places, &normalise(pattern)) {
                Ok(names) if names.is_empty() => problems.note(format_args!("{pattern}: no file has such a name")),
                Ok(names) => entries.extend(names),
                Err(refused) => problems.note(format_args!("{pattern}: {refused}")),
            }
        }
        for entry in &entries {
            if let Err(refused) = gathering.rule_file(entry) {
                problems.note(format_args!("{entry}: {refused}"));
            }
        }
        bundle.sets.push(RuleSet { entries });
    }
    gathering.follow(problems);
    bundle.files = gathering.files;
    bundle
}

impl Gathering<'_> {
    /// Reads the references of every rule file once, those of the files it brings too.
    fn follow(&mut self, problems: &mut Problems) {
        while let Some(name) = self.open.pop() {
            let bytes = self.files[&name].clone();
            for reference in references(&bytes) {
                if let Err(what) = self.take(&name, &reference) {
                    problems.note_at(&name, &bytes, reference.offset, what);
                }
            }
        }
    }

    /// Takes the files of one reference, beside the file that names it before the first directory.
    fn take(&mut self, from: &str, reference: &Reference) -> Result<(), String> {
        let mut last = None;
        for candidate in candidates(from, &reference.name) {
            match self.take_as(&candidate, reference.kind) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Refused::Missing) => last = last.or(Some(Refused::Missing)),
                Err(refused) => return Err(format!("{candidate}: {refused}")),
            }
        }
        match (reference.kind, last) {
            (Kind::IncludeOptional, _) => Ok(()),
            (Kind::Include, None) => Err(format!("no file has a name like {}", reference.name)),
            (_, _) => {
                Err(format!("there is no file {}, neither beside {from} nor in the first directory", reference.name))
            }
        }
    }

    /// Takes the files of a name; returns whether there was one.
    fn take_as(&mut self, name: &str, kind: Kind) -> Result<bool, Refused> {
        if kind == Kind::Data {
            return self.file(name).map(|()| true);
        }
        let names = expand(self.places, name)?;
        for one in &names {
            self.rule_file(one)?;
        }
        Ok(!names.is_empty())
    }

    /// Takes a file that is part of this program; it names no others.
    fn embedded(&mut self, word: &str, text: &str) {
        self.files.insert(word.to_owned(), text.as_bytes().to_vec());
        self.rules.insert(word.to_owned());
    }

    fn rule_file(&mut self, name: &str) -> Result<(), Refused> {
        self.file(name)?;
        if self.rules.insert(name.to_owned()) {
            self.open.push(name.to_owned());
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<(), Refused> {
        if self.files.contains_key(name) {
            return Ok(());
        }
        if !is_plain_name(name) {
            return Err(Refused::Name);
        }
        if self.files.len() >= FILES_COUNT_MAX {
            return Err(Refused::Many(FILES_COUNT_MAX));
        }
        // Each file is read with what is left as its limit, so the sum stays within.
        let left = RULES_BYTES_MAX - self.bytes;
        let bytes = self.places.read(name, FILE_BYTES_MAX.min(left))?;
        self.bytes += bytes.len();
        self.files.insert(name.to_owned(), bytes);
        Ok(())
    }
}

/// Returns the places of a name written in `from`, in order: beside it, then the first directory.
fn candidates(from: &str, name: &str) -> Vec<String> {
    let plain = normalise(name);
    match from.rsplit_once('/') {
        Some((directory, _)) if !name.starts_with('/') => vec![normalise(&format!("{directory}/{name}")), plain],
        _ => vec![plain],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_embedded_file_and_a_path_is_not() {
        let mut problems = Problems::default();
        let sets = ["engine\nbuiltin".to_owned(), "rules/builtin".to_owned()];
        let bundle = rules(&sets, &Places::new(Vec::new(), 0), &mut problems);
        assert_eq!(bundle.sets[0].entries, ["engine", "builtin"]);
        assert_eq!(bundle.files.get("builtin").map(Vec::as_slice), Some(fosse_builtin_rules::BUILTIN.as_bytes()));
        assert!(problems.to_string().contains("rules/builtin"), "{problems}");
    }

    #[test]
    fn names_are_tidy_and_looked_for_beside_first() {
        assert_eq!(candidates("rules/a.conf", "../x/./y.data"), ["x/y.data", "../x/y.data"]);
        assert_eq!(candidates("a.conf", "b"), ["b"]);
        assert_eq!(candidates("/etc/a.conf", "b"), ["/etc/b", "b"]);
        assert_eq!(candidates("rules/a.conf", "/b//c"), ["/b/c"]);
    }
}
