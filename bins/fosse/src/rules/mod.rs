//! `fosse rules`: rules checked, explained, tested and measured in this process, by the engine that
//! waf-filter runs.

mod bench;
mod check;
mod evaluate;
mod explain;
mod from;
mod ftw;
pub(crate) mod layout;
mod response;
mod source;
mod url;

use fosse_die::usage;

use crate::{PROGRAM, args::Args, commands};

/// Runs one of the actions.
pub(crate) fn run(words: &Args) -> i32 {
    let paths = words.rest(1);
    match (words.positional(0), paths) {
        // A word and a flag mean the same here: whoever confuses them shall not get the built-in
        // rules.
        (Some("check"), paths) => check::run(&[&source::given(words.value("--rules")), paths].concat()),
        (Some("explain"), []) => explain::run(words),
        (Some("test"), [tests]) => ftw::run(words, tests),
        (Some("test"), _) => usage(PROGRAM, "rules test takes one directory or file of tests"),
        (Some("bench"), []) => bench::run(words),
        (Some("from"), [path]) => from::run(path),
        (Some("from"), _) => usage(PROGRAM, "rules from takes the directory of one rule set"),
        (Some(action @ ("explain" | "bench")), _) => {
            usage(PROGRAM, &format!("rules {action} takes no path but that of --rules"))
        }
        (action, _) => usage(
            PROGRAM,
            &format!(
                "rules: '{}' is none of {}; fosse help rules shows more",
                action.unwrap_or(""),
                commands::RULES_ACTIONS.join(", ")
            ),
        ),
    }
}
