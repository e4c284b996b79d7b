//! The compiled rules of each site. They live as long as the process: transactions borrow them for ever.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use fosse_die::fatal;
use fosse_seclang::{Bundle, Diagnostic, Ruleset};
use fosse_settings::{WafFilter, WafMode};

use crate::{PROGRAM, limits};

/// What stands before the rules of a site that has its answers judged.
const ANSWERS: &str = "SecResponseBodyAccess On\n";

/// Rules by site.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    sites: Vec<Option<&'static Ruleset>>,
    fallback: Option<&'static Ruleset>,
}

impl Rules {
    /// The rules of a site; `None` for the protocol checks alone.
    #[must_use]
    pub fn of_site(&self, number: u32) -> Option<&'static Ruleset> {
        usize::try_from(number).ok().and_then(|n| self.sites.get(n)).copied().unwrap_or(self.fallback)
    }

    /// Whether any of them keep records of persistent collections.
    #[must_use]
    pub fn keep_records(&self) -> bool {
        self.sites.iter().chain([&self.fallback]).flatten().any(|rules| rules.keeps_records())
    }

    /// Compiles what the sites of a configuration ask for. Sites with the same rules and the same exclusions share.
    ///
    /// # Errors
    /// All that is wrong; a site whose rules are not in the bundle is wrong too.
    pub fn compile(config: &WafFilter, files: fosse_bundle::Bundle) -> Result<Self, Vec<String>> {
        let mut bundle = Bundle::new();
        let entries = fosse_bundle::Bundle { sets: files.sets, files: std::collections::BTreeMap::new() };
        for (name, bytes) in files.files {
            bundle.insert(&name, bytes);
        }
        let (mut known, mut sites, mut wrong) = (HashMap::new(), Vec::new(), Vec::new());
        for (number, site) in config.sites.iter().enumerate() {
            let Some(index) = site.rules.filter(|_| site.mode != WafMode::Off) else {
                sites.push(None);
                continue;
            };
            let compiled =
                known.entry((index, site.exclusions.as_str(), site.inspect_responses)).or_insert_with(|| {
                    let text = usize::try_from(index).ok().and_then(|at| entries.entry_text(at, &site.exclusions));
                    // A site that has its answers judged means their bodies too, unless its rules say otherwise.
                    let text = text.map(|text| if site.inspect_responses { format!("{ANSWERS}{text}") } else { text });
                    let text = text.ok_or_else(|| vec![format!("(site {number}): its rules are not in the bundle")]);
                    let compiled = text.and_then(|text| compile(&mut bundle, &format!("(site {number})"), text));
                    compiled.map_err(|errors| wrong.extend(errors)).ok()
                });
            sites.push(*compiled);
        }
        if wrong.is_empty() { Ok(Self { sites, fallback: None }) } else { Err(wrong) }
    }

    /// Reads and compiles files and directories, for every request alike: what a person names in a shell. A directory
    /// stands for its `*.conf` in order; what they include or name as data lies beside or below them. `builtin` and `engine`
    /// stand for the files that fosse brings along.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read(paths: &[String]) -> Result<Self, Vec<String>> {
        let (mut bundle, mut text) = (Bundle::new(), String::new());
        let mut count = 0usize;
        for path in paths {
            if let Some(embedded) = fosse_builtin_rules::embedded(path) {
                bundle.insert(path, embedded);
                text.push_str(&format!("Include \"{path}\"\n"));
                continue;
            }
            let path = Path::new(path);
            let directory = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
            let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            let mut files = Vec::new();
            walk(directory, &mut files, &mut count).map_err(|error| vec![error])?;
            files.sort();
            for file in &files {
                let bytes = std::fs::read(file).map_err(|error| vec![format!("{}: {error}", file.display())])?;
                bundle.insert(&file.to_string_lossy(), bytes);
            }
            let entries: Vec<&PathBuf> = if path.is_dir() {
                files
                    .iter()
                    .filter(|f| f.parent() == Some(path) && f.extension().is_some_and(|e| e == "conf"))
                    .collect()
            } else {
                files.iter().filter(|f| f.file_name() == path.file_name() && f.parent() == Some(directory)).collect()
            };
            if entries.is_empty() {
                return Err(vec![format!("{}: no rule file there", path.display())]);
            }
            entries.iter().for_each(|entry| text.push_str(&format!("Include \"{}\"\n", entry.display())));
        }
        let fallback = compile(&mut bundle, "(command line)", text)?;
        Ok(Self { sites: Vec::new(), fallback: Some(fallback) })
    }

    /// The same, or the end of the program with everything that is wrong.
    pub fn or_die(result: Result<Self, Vec<String>>) -> Self {
        result.unwrap_or_else(|wrong| {
            for line in wrong.iter().take(limits::TROUBLES_SHOWN_MAX) {
                eprintln!("{line}");
            }
            let problems = if wrong.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", wrong.len()) };
            fatal(PROGRAM, format_args!("{problems} in the rules"))
        })
    }
}

fn compile(bundle: &mut Bundle, name: &str, text: String) -> Result<&'static Ruleset, Vec<String>> {
    bundle.insert(name, text);
    match Ruleset::compile(bundle, name) {
        Ok(rules) => Ok(Box::leak(Box::new(rules))),
        Err(errors) => Err(errors.iter().map(Diagnostic::to_string).collect()),
    }
}

/// All regular files below a directory, symbolic links to directories left out.
fn walk(directory: &Path, files: &mut Vec<PathBuf>, count: &mut usize) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("{}: {error}", directory.display());
    for entry in std::fs::read_dir(directory).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(broken)?);
        if kind.is_dir() {
            walk(&path, files, count)?;
        } else if std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= limits::FILE_BYTES_MAX) {
            *count = count.saturating_add(1);
            if *count > limits::FILES_COUNT_MAX {
                return Err(format!("{}: more than {} files", directory.display(), limits::FILES_COUNT_MAX));
            }
            files.push(path);
        }
    }
    Ok(())
}
