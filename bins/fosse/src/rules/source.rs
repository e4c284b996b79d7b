//! Rules from files to a compiled set, gathered as fosse-load gathers them for an edge.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary};
use fosse_load::places::{Place, Places};
use fosse_load::{Troubles, rules};
use fosse_seclang::{Bundle, Ruleset};
use rustix::fs::{Mode, OFlags, open};

use super::layout;
use crate::PROGRAM;

/// The name of the file that includes all others.
const ENTRY: &str = "(command line)";

/// Gathered files, not compiled yet.
pub struct Source {
    bundle: Bundle,
    entries: Vec<String>,
    /// Files in the bundle, the embedded ones too.
    pub files: usize,
    /// Whether it is a Core Rule Set.
    pub is_core_rule_set: bool,
}

impl Source {
    /// Everything the paths name, in their order, with what it includes; the built-in rules where there is no path.
    /// Ends the program where a file cannot be read.
    pub fn of(paths: &[String]) -> Self {
        let builtin = [fosse_rules::BUILTIN_NAME.to_owned()];
        let paths = if paths.is_empty() { &builtin } else { paths };
        let mut patterns: Vec<String> = Vec::new();
        for path in paths {
            patterns.extend(layout::of(path).unwrap_or_else(|why| fatal(PROGRAM, why)));
        }
        let root: OwnedFd = open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to open /: {errno}")));
        let places =
            Places::new(vec![Place { path: "/".to_owned(), directory: root }], rustix::process::geteuid().as_raw());
        let mut troubles = Troubles::default();
        let joined = fosse_bundle::join_patterns(patterns.iter().map(String::as_str));
        let gathered = rules(&[joined], &places, &mut troubles);
        if !troubles.is_empty() {
            eprint!("{troubles}");
            fatal(PROGRAM, "these rules cannot be read");
        }
        let entries = gathered.sets.into_iter().flat_map(|set| set.entries).collect();
        let mut bundle = Bundle::new();
        let files = gathered.files.len();
        for (name, bytes) in gathered.files {
            bundle.insert(&name, bytes);
        }
        Self { bundle, entries, files, is_core_rule_set: layout::is_core_rule_set(&patterns) }
    }

    /// Compiles, with SecLang of ours before the rules of a Core Rule Set (behind its setup) or before everything.
    /// Ends the program with everything that is wrong.
    pub fn compile(mut self, ours: &str) -> Ruleset {
        let includes =
            |entries: &[String]| entries.iter().map(|entry| format!("Include \"{entry}\"\n")).collect::<String>();
        let before = if self.is_core_rule_set {
            self.entries.iter().take_while(|entry| !entry.contains("/rules/")).count()
        } else {
            0
        };
        let (head, tail) = self.entries.split_at_checked(before).unwrap_or((&[], &self.entries));
        let text = format!("{}{ours}\n{}", includes(head), includes(tail));
        self.bundle.insert(ENTRY, text);
        Ruleset::compile(&self.bundle, ENTRY).unwrap_or_else(|errors| {
            for error in &errors {
                eprintln!("{error}");
            }
            let problems =
                if errors.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", errors.len()) };
            fatal(PROGRAM, format_args!("{problems} in the rules"))
        })
    }
}

/// The paths behind `--rules`.
pub fn given(path: Option<&str>) -> Vec<String> {
    path.map(str::to_owned).into_iter().collect()
}

/// SecLang that sets the paranoia level, in the words of the Core Rule Set 3 and 4.
pub fn paranoia(level: u8) -> String {
    format!(
        "SecAction \"id:99000001,phase:1,pass,nolog,t:none,setvar:tx.paranoia_level={level},setvar:tx.executing_paranoia_level={level},\
         setvar:tx.blocking_paranoia_level={level},setvar:tx.detection_paranoia_level={level}\""
    )
}
