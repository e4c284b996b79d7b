//! Completions for bash, zsh and fish, made of the table of commands. The files in
//! packaging/completions are these texts.

mod bash;
mod fish;
mod zsh;

use fosse_args::{Positional, Takes, Usage};

use crate::commands::FOSSE;

/// The completions for a shell; `None` for one that is not known.
#[must_use]
pub(crate) fn of(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash::script()),
        "zsh" => Some(zsh::script()),
        "fish" => Some(fish::script()),
        _ => None,
    }
}

fn names(usage: &Usage) -> String {
    usage.commands.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
}

/// Returns whether words of a command are paths.
fn takes_paths(command: &Usage) -> bool {
    command.words.iter().any(|word: &Positional| matches!(word.takes, Takes::Path(_)))
}

/// Returns every command that has no others below it, with the words that lead to it.
fn leaves() -> impl Iterator<Item = (String, &'static Usage)> {
    FOSSE.commands.iter().flat_map(|command| {
        let below = command.commands.iter().map(|sub| (format!("{} {}", command.name, sub.name), sub));
        let own = command.commands.is_empty().then(|| (command.name.to_owned(), command));
        own.into_iter().chain(below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_are_packaged_are_what_the_table_makes() {
        for (shell, file) in [("bash", "bash/fosse"), ("zsh", "zsh/_fosse"), ("fish", "fish/fosse.fish")] {
            let path = format!("{}/../../packaging/completions/{file}", env!("CARGO_MANIFEST_DIR"));
            let packaged = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(packaged == of(shell).unwrap(), "make {path} again: fosse help --completions {shell} > {path}");
        }
    }

    #[test]
    fn a_command_that_finds_an_edge_by_its_configuration_takes_the_directories_of_that_too() {
        let takes = |usage: &Usage, name: &str| usage.flags.iter().any(|flag| flag.name == name);
        let finds = |usage: &Usage| takes(usage, "--config") && takes(usage, "--status-socket");
        let without: Vec<String> =
            leaves().filter(|(_, usage)| finds(usage) && !takes(usage, "--dir")).map(|(name, _)| name).collect();
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn every_flag_is_in_the_completions_of_every_shell() {
        let texts = ["bash", "zsh", "fish"].map(|shell| of(shell).unwrap());
        for flag in leaves().flat_map(|(_, command)| command.flags) {
            assert!(texts[0].contains(flag.name) && texts[1].contains(flag.name), "{}", flag.name);
            assert!(texts[2].contains(&format!("-l {}", flag.name.trim_start_matches('-'))), "{}", flag.name);
        }
    }
}
