//! The compiled rules of each profile. They live as long as the process: evaluations borrow them
//! for ever.

use std::collections::HashMap;

use fosse_die::fatal;
use fosse_gather::Problems;
use fosse_gather::places::{Place, Places};
use fosse_seclang::{Bundle, Diagnostic, Ruleset};
use fosse_settings::{WafFilter, WafMode};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::geteuid;

use crate::{PROGRAM, limits};

/// Text in front of the rules of a site that has its responses inspected.
const RESPONSE_BODIES: &str = "SecResponseBodyAccess On\n";

/// The word of a command line that names no rules at all.
const NO_RULES: &str = "none";

/// Rules by profile.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    profiles: Vec<Option<&'static Ruleset>>,
    fallback: Option<&'static Ruleset>,
}

impl Rules {
    /// Returns the rules of a profile; `None` for the protocol checks alone.
    pub(crate) fn of_profile(&self, number: usize) -> Option<&'static Ruleset> {
        self.profiles.get(number).copied().unwrap_or(self.fallback)
    }

    /// Tells whether any of them keep records of persistent collections.
    pub(crate) fn keep_records(&self) -> bool {
        self.profiles.iter().chain([&self.fallback]).flatten().any(|rules| rules.keeps_records())
    }

    /// Compiles what the profiles of a configuration ask for. Profiles with the same rules and the
    /// same exclusions share.
    ///
    /// # Errors
    /// All that is wrong; a profile whose rules are not in the bundle is wrong too.
    pub fn compile(config: &WafFilter, files: fosse_bundle::Bundle) -> Result<Self, Vec<String>> {
        let mut bundle = Bundle::new();
        let entries = fosse_bundle::Bundle { sets: files.sets, files: std::collections::BTreeMap::new() };
        for (name, bytes) in files.files {
            bundle.insert(&name, bytes);
        }
        let (mut known, mut profiles, mut wrong) = (HashMap::new(), Vec::new(), Vec::new());
        for (number, profile) in config.profiles.iter().enumerate() {
            let Some(index) = profile.rules.filter(|_| profile.waf != WafMode::Off) else {
                profiles.push(None);
                continue;
            };
            let compiled =
                known.entry((index, profile.exclusions.as_str(), profile.inspect_responses)).or_insert_with(|| {
                    let text = usize::try_from(index).ok().and_then(|at| entries.entry_text(at, &profile.exclusions));
                    // A site that has its responses inspected means their bodies too, unless its
                    // rules say otherwise.
                    let text = text
                        .map(|text| if profile.inspect_responses { format!("{RESPONSE_BODIES}{text}") } else { text });
                    let text = text.ok_or_else(|| vec![format!("(profile {number}): its rules are not in the bundle")]);
                    let compiled = text.and_then(|text| compile(&mut bundle, &format!("(profile {number})"), text));
                    compiled.map_err(|errors| wrong.extend(errors)).ok()
                });
            profiles.push(*compiled);
        }
        if wrong.is_empty() { Ok(Self { profiles, fallback: None }) } else { Err(wrong) }
    }

    /// Compiles the rules of a site that names none, for every request alike.
    ///
    /// # Errors
    /// All that is wrong with them; their own tests find nothing.
    pub(crate) fn builtin() -> Result<Self, Vec<String>> {
        // Not by `read`, which opens files: this is called after the lock-down.
        let rules =
            compile(&mut Bundle::new(), fosse_builtin_rules::BUILTIN_NAME, fosse_builtin_rules::BUILTIN.to_owned())?;
        Ok(Self { profiles: Vec::new(), fallback: Some(rules) })
    }

    /// Reads and compiles what a person names in a shell, for every request alike: files, patterns,
    /// directories (their `*.conf` in order), `builtin` and `engine`. Files are gathered as
    /// fosse-load gathers them for an edge: those named, what they include, the data they name, and
    /// no others. `none`, alone, means no rules.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn read(paths: &[String]) -> Result<Self, Vec<String>> {
        if paths == [NO_RULES] {
            return Ok(Self::default());
        }
        let patterns = paths.iter().map(|path| pattern(path)).collect::<Result<Vec<_>, _>>()?;
        let set = fosse_bundle::join_patterns(patterns.iter().map(String::as_str));
        let root = open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| vec![format!("/: {errno}")])?;
        let places = Places::new(vec![Place { path: "/".to_owned(), directory: root }], geteuid().as_raw());
        let mut problems = Problems::default();
        let gathered = fosse_gather::rules(&[set], &places, &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_lines());
        }
        let text = gathered.entry_text(0, "").ok_or_else(|| vec!["no rules came together".to_owned()])?;
        let mut bundle = Bundle::new();
        for (name, bytes) in gathered.files {
            bundle.insert(&name, bytes);
        }
        Ok(Self { profiles: Vec::new(), fallback: Some(compile(&mut bundle, "(command line)", text)?) })
    }

    /// Returns the rules, or ends the program with everything that is wrong.
    pub fn or_die(result: Result<Self, Vec<String>>) -> Self {
        result.unwrap_or_else(|wrong| {
            for line in wrong.iter().take(limits::TROUBLES_SHOWN_MAX) {
                eprintln!("{line}");
            }
            fatal(PROGRAM, "these rules cannot be used")
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

/// Returns the entry pattern for a path of the command line; fosse-load wants absolute ones.
fn pattern(path: &str) -> Result<String, Vec<String>> {
    if fosse_builtin_rules::embedded(path).is_some() {
        return Ok(path.to_owned());
    }
    let absolute = std::path::absolute(path).map_err(|error| vec![format!("{path}: {error}")])?;
    let named = if absolute.is_dir() { absolute.join("*.conf") } else { absolute };
    Ok(named.to_string_lossy().into_owned())
}
