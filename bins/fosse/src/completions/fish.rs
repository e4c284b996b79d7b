//! fish: one line for each command and each option, under the condition that the words before it
//! are given.

use std::fmt::Write as _;

use fosse_args::Takes;

use super::{leaves, names, takes_paths};
use crate::commands::FOSSE;

/// Returns the completion script.
pub(super) fn script() -> String {
    let mut out = String::from("# fish completion for fosse(1); made by: fosse help --completions fish\n");
    let text = |text: &str| text.replace('\'', "\\'");
    for command in FOSSE.commands {
        let (name, summary) = (command.name, text(command.summary));
        let _ = writeln!(out, "complete -c fosse -f -n __fish_use_subcommand -a {name} -d '{summary}'");
    }
    for group in FOSSE.commands.iter().filter(|command| !command.commands.is_empty()) {
        let seen = format!("__fish_seen_subcommand_from {}", group.name);
        let when = format!("{seen}; and not __fish_seen_subcommand_from {}", names(group));
        for command in group.commands {
            let summary = text(command.summary);
            let _ = writeln!(out, "complete -c fosse -f -n '{when}' -a {} -d '{summary}'", command.name);
        }
    }
    for (path, command) in leaves() {
        let when = format!("complete -c fosse -n '{}'", condition(&path));
        for flag in command.flags {
            let takes = match flag.takes {
                Takes::Nothing => String::new(),
                Takes::Text(_) => " -x".to_owned(),
                Takes::Path(_) => " -r -F".to_owned(),
                Takes::Word(words) => format!(" -x -a '{}'", words.join(" ")),
            };
            let _ = writeln!(out, "{when} -l {}{takes} -d '{}'", flag.name.trim_start_matches('-'), text(flag.help));
        }
        if takes_paths(command) {
            let _ = writeln!(out, "{when} -F");
        }
        if command.name == "help" {
            let _ = writeln!(out, "{when} -f -a '{}'", names(&FOSSE));
        }
    }
    out
}

/// A name may be that of a command and of one below a group (check, explain): the group's is meant
/// where the group is there.
fn condition(path: &str) -> String {
    match path.split_once(' ') {
        Some((group, name)) => format!("__fish_seen_subcommand_from {group}; and __fish_seen_subcommand_from {name}"),
        None => {
            let groups = FOSSE.commands.iter().filter(|group| group.command(path).is_some());
            let not: String =
                groups.map(|group| format!("; and not __fish_seen_subcommand_from {}", group.name)).collect();
            format!("__fish_seen_subcommand_from {path}{not}")
        }
    }
}
