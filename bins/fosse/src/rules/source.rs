//! Rules from files to a compiled set, gathered as fosse-load gathers them for an edge.

use std::os::fd::OwnedFd;

use fosse_die::{fatal, temporary};
use fosse_gather::places::{Place, Places};
use fosse_gather::{Problems, rules};
use fosse_seclang::{Bundle, Ruleset};
use rustix::fs::{Mode, OFlags, open};

use super::layout;
use crate::PROGRAM;

/// The name of the file that includes all others.
const ENTRY: &str = "(command line)";

/// Gathered files, not compiled yet.
pub(crate) struct Source {
    bundle: Bundle,
    before: Vec<String>,
    entries: Vec<String>,
    /// Files in the bundle, the embedded ones too.
    pub files: usize,
}

impl Source {
    /// Everything the paths name, in their order, with what it includes; the built-in rules where
    /// there is no path. Ends the program where a file cannot be read.
    pub(crate) fn of(paths: &[String]) -> Self {
        let builtin = [fosse_builtin_rules::BUILTIN_NAME.to_owned()];
        let paths = if paths.is_empty() { &builtin } else { paths };
        let mut patterns: [Vec<String>; 2] = Default::default();
        for path in paths {
            let layout = layout::of(path).unwrap_or_else(|why| fatal(PROGRAM, why));
            let [before, rules] = &mut patterns;
            before.extend(layout.before);
            rules.extend(layout.rules);
        }
        let root: OwnedFd = open("/", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .unwrap_or_else(|errno| temporary(PROGRAM, format_args!("unable to open /: {errno}")));
        let places =
            Places::new(vec![Place { path: "/".to_owned(), directory: root }], rustix::process::geteuid().as_raw());
        let mut problems = Problems::default();
        let joined = patterns.map(|some| fosse_bundle::join_patterns(some.iter().map(String::as_str)));
        let gathered = rules(&joined, &places, &mut problems);
        if !problems.is_empty() {
            eprint!("{problems}");
            fatal(PROGRAM, "these rules cannot be read");
        }
        let mut sets = gathered.sets.into_iter().map(|set| set.entries);
        let (before, entries) = (sets.next().unwrap_or_default(), sets.next().unwrap_or_default());
        let mut bundle = Bundle::new();
        let files = gathered.files.len();
        for (name, bytes) in gathered.files {
            bundle.insert(&name, bytes);
        }
        Self { bundle, before, entries, files }
    }

    /// Returns whether it is a Core Rule Set.
    pub(crate) const fn is_core_rule_set(&self) -> bool {
        !self.before.is_empty()
    }

    /// Compiles, with SecLang of ours before the rules of a Core Rule Set (after its setup) or
    /// before everything. Ends the program with everything that is wrong.
    pub(crate) fn compile(mut self, ours: &str) -> Ruleset {
        let includes =
            |entries: &[String]| entries.iter().map(|entry| format!("Include \"{entry}\"\n")).collect::<String>();
        let text = format!("{}{ours}\n{}", includes(&self.before), includes(&self.entries));
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

/// Returns SecLang that sets the paranoia level, in the words of the Core Rule Set 3 and 4.
pub(crate) fn paranoia(level: u8) -> String {
    format!(
        "SecAction \"id:99000001,phase:1,pass,nolog,t:none,setvar:tx.paranoia_level={level},setvar:tx.executing_paranoia_level={level},\
         setvar:tx.blocking_paranoia_level={level},setvar:tx.detection_paranoia_level={level}\""
    )
}
