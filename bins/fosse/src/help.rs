//! Help, made of the table of commands.

use std::fmt::Write as _;

use crate::commands::{COMMANDS, Command};

/// Widest flag with its help on the same line; wider ones get a line of their own.
const COLUMN: usize = 26;

/// Returns help for fosse as a whole.
#[must_use]
pub(crate) fn overview() -> String {
    let mut out = String::from("fosse: the ditch in front of a web application\n\nusage: fosse COMMAND [OPTIONS]\n\n");
    for command in COMMANDS {
        let _ = writeln!(out, "  {:9} {}", command.name, command.summary);
    }
    out.push_str("\nfosse help COMMAND shows what a command takes; fosse(1) is the manual.\n");
    out
}

/// Returns help for one command.
#[must_use]
pub(crate) fn of(command: &Command) -> String {
    let mut out = format!("fosse {}: {}\n\nusage: fosse {}", command.name, command.summary, command.name);
    for word in command.words {
        let shown = word.takes.shown();
        let _ = if word.needed { write!(out, " {shown}") } else { write!(out, " [{shown}]") };
    }
    out.push_str(if command.flags.is_empty() { "\n" } else { " [OPTIONS]\n" });
    if !command.about.is_empty() {
        let _ = write!(out, "\n{}", command.about);
    }
    if !command.flags.is_empty() {
        out.push_str("\noptions:\n");
    }
    for flag in command.flags {
        let written = format!("{} {}", flag.name, flag.takes.shown());
        let written = written.trim_end();
        let _ = if written.len() <= COLUMN {
            writeln!(out, "  {written:COLUMN$}  {}", flag.help)
        } else {
            writeln!(out, "  {written}\n  {:COLUMN$}  {}", "", flag.help)
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_every_flag_is_in_the_help() {
        for command in COMMANDS {
            assert!(overview().contains(command.summary));
            assert!(command.flags.iter().all(|flag| of(command).contains(flag.help)));
        }
    }

    #[test]
    fn a_line_fits_a_terminal_of_130_columns() {
        for command in COMMANDS {
            assert!(of(command).lines().all(|line| line.len() <= 130), "{}", of(command));
        }
    }
}
