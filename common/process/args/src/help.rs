//! Help, made of the table.

use std::fmt::Write as _;

use crate::table::{Flag, HELP, Usage, VERSION};

/// Widest option with its help on the same line; wider ones get a line of their own.
const COLUMN: usize = 26;

/// Columns that the names of commands take.
const COMMAND_COLUMN: usize = 9;

/// Returns the help for a program or a command, whose full name is `path`.
#[must_use]
pub fn help(usage: &Usage, path: &str) -> String {
    let mut out = format!("{path}: {}\n\nusage: {path}", usage.summary);
    if !usage.commands.is_empty() {
        out.push_str(" COMMAND");
    }
    for word in usage.words {
        let shown = word.takes.shown();
        let _ = if word.needed { write!(out, " {shown}") } else { write!(out, " [{shown}]") };
    }
    out.push_str(" [OPTIONS]\n");
    if !usage.commands.is_empty() {
        out.push('\n');
    }
    for command in usage.commands {
        let _ = writeln!(out, "  {:COMMAND_COLUMN$} {}", command.name, command.summary);
    }
    if !usage.about.is_empty() {
        let _ = write!(out, "\n{}", usage.about);
    }
    if usage.commands.is_empty() {
        out.push_str("\noptions:\n");
        let is_program = !path.contains(' ');
        let common = [HELP, VERSION];
        let common = common.iter().take(if is_program { 2 } else { 1 }).filter(|flag| usage.flag(flag.name).is_none());
        usage.flags.iter().chain(common).for_each(|flag| option(flag, &mut out));
    }
    out
}

fn option(flag: &Flag, out: &mut String) {
    let written = format!("{} {}", flag.name, flag.takes.shown());
    let written = written.trim_end();
    let _ = if written.len() <= COLUMN {
        writeln!(out, "  {written:COLUMN$}  {}", flag.help)
    } else {
        writeln!(out, "  {written}\n  {:COLUMN$}  {}", "", flag.help)
    };
}
