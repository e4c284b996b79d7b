//! From the command to the function that does it.

use crate::args::Args;
use crate::output::print;
use crate::{PROGRAM, audit, check, commands, completions, explain, help, reload, rules, status, up};

/// Runs a command and returns the exit status.
pub(crate) fn run(words: &Args) -> i32 {
    if words.has("--help") {
        return print(&help::of(words.command));
    }
    match words.command.name {
        "up" => up::run(words),
        "check" => check::run(words),
        "status" => status::run(words),
        "audit" => audit::run(words),
        "explain" => explain::run(words),
        "reload" => reload::run(words),
        "rules" => rules::run(words),
        "version" => print(&format!("fosse {}\n", env!("CARGO_PKG_VERSION"))),
        _ => helped(words),
    }
}

fn helped(words: &Args) -> i32 {
    if let Some(shell) = words.value("--completions") {
        return print(&completions::of(shell).unwrap_or_default());
    }
    match words.positional(0) {
        None => print(&help::overview()),
        Some(name) => match commands::find(name) {
            Some(command) => print(&help::of(command)),
            None => fosse_die::usage(PROGRAM, &format!("no command '{name}'; fosse help shows them")),
        },
    }
}
