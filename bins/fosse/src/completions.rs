//! Completions for bash, zsh and fish, made of the table of commands. The files in
//! packaging/completions are these texts.

use std::fmt::Write as _;

use crate::commands::{COMMANDS, Command, Flag, Takes};

/// The completions for a shell; `None` for one that is not known.
#[must_use]
pub(crate) fn of(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

fn names() -> String {
    COMMANDS.iter().map(|command| command.name).collect::<Vec<_>>().join(" ")
}

fn flags(command: &Command, is: impl Fn(&Flag) -> bool, between: &str) -> String {
    command.flags.iter().filter(|flag| is(flag)).map(|flag| flag.name).collect::<Vec<_>>().join(between)
}

fn is_path(flag: &Flag) -> bool {
    matches!(flag.takes, Takes::Path(_))
}

#[expect(clippy::too_many_lines, reason = "mostly the text of a shell function")]
fn bash() -> String {
    let mut out = format!(
        "# bash completion for fosse(1); made by: fosse help --completions bash
_fosse() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
    COMPREPLY=()
    if [ \"$COMP_CWORD\" -eq 1 ]; then
        COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))
        return
    fi
    case $command in
",
        names()
    );
    for command in COMMANDS {
        let _ = writeln!(out, "    {})\n        case $before in", command.name);
        for flag in command.flags {
            if let Takes::Word(words) = flag.takes {
                let words = words.join(" ");
                let _ = writeln!(
                    out,
                    "        {}) COMPREPLY=($(compgen -W \"{words}\" -- \"$word\")); return ;;",
                    flag.name
                );
            }
        }
        let paths = flags(command, is_path, "|");
        if !paths.is_empty() {
            let _ = writeln!(out, "        {paths}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;");
        }
        let others = flags(command, |flag| matches!(flag.takes, Takes::Text(_)), "|");
        if !others.is_empty() {
            let _ = writeln!(out, "        {others}) return ;;");
        }
        out.push_str("        esac\n");
        let all = flags(command, |_| true, " ");
        let words = match (command.name, command.words.first()) {
            ("help", _) => format!("        COMPREPLY=($(compgen -W \"{} {all}\" -- \"$word\")) ;;", names()),
            (_, Some(word)) if matches!(word.takes, Takes::Path(_)) => {
                format!("        COMPREPLY=($(compgen -f -W \"{all}\" -- \"$word\")) ;;")
            }
            _ => format!("        COMPREPLY=($(compgen -W \"{all}\" -- \"$word\")) ;;"),
        };
        let _ = writeln!(out, "{words}");
    }
    out.push_str("    esac\n}\ncomplete -o filenames -F _fosse fosse\n");
    out
}

/// Square brackets, colons and quotes mean something to zsh.
fn zsh_text(text: &str) -> String {
    text.replace('[', "(").replace(']', ")").replace(':', "\\:").replace('\'', "")
}

fn zsh() -> String {
    let mut out = String::from(
        "#compdef fosse\n# zsh completion for fosse(1); made by: fosse help --completions zsh\n_fosse() {\n    local -a commands\n    commands=(\n",
    );
    for command in COMMANDS {
        let _ = writeln!(out, "        '{}:{}'", command.name, zsh_text(command.summary));
    }
    out.push_str("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n");
    for command in COMMANDS {
        let _ = write!(out, "    {})\n        _arguments", command.name);
        for flag in command.flags {
            let value = match flag.takes {
                Takes::Nothing => String::new(),
                Takes::Text(name) => format!(":{}: ", zsh_text(name)),
                Takes::Path(name) => format!(":{name}:_files"),
                Takes::Word(words) => format!(":word:({})", words.join(" ")),
            };
            let _ = write!(out, " \\\n            '{}[{}]{value}'", flag.name, zsh_text(flag.help));
        }
        for (at, word) in command.words.iter().enumerate() {
            let action = match word.takes {
                Takes::Path(_) => "_files".to_owned(),
                _ if command.name == "help" => format!("({})", names()),
                _ => " ".to_owned(),
            };
            let needed = if word.needed { "" } else { ":" };
            let _ = write!(out, " \\\n            '{}:{needed}{}:{action}'", at + 1, zsh_text(&word.takes.shown()));
        }
        out.push_str(" ;;\n");
    }
    out.push_str("    esac\n}\n_fosse \"$@\"\n");
    out
}

fn fish() -> String {
    let mut out = String::from("# fish completion for fosse(1); made by: fosse help --completions fish\n");
    let text = |text: &str| text.replace('\'', "\\'");
    for command in COMMANDS {
        let _ = writeln!(
            out,
            "complete -c fosse -f -n __fish_use_subcommand -a {} -d '{}'",
            command.name,
            text(command.summary)
        );
    }
    for command in COMMANDS {
        let when = format!("complete -c fosse -n '__fish_seen_subcommand_from {}'", command.name);
        for flag in command.flags {
            let takes = match flag.takes {
                Takes::Nothing => String::new(),
                Takes::Text(_) => " -x".to_owned(),
                Takes::Path(_) => " -r -F".to_owned(),
                Takes::Word(words) => format!(" -x -a '{}'", words.join(" ")),
            };
            let _ = writeln!(out, "{when} -l {}{takes} -d '{}'", flag.name.trim_start_matches('-'), text(flag.help));
        }
        if command.words.iter().any(|word| matches!(word.takes, Takes::Path(_))) {
            let _ = writeln!(out, "{when} -F");
        }
        if command.name == "help" {
            let _ = writeln!(out, "{when} -f -a '{}'", names());
        }
    }
    out
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
    fn every_flag_stands_in_the_completions_of_every_shell() {
        for flag in COMMANDS.iter().flat_map(|command| command.flags) {
            assert!(bash().contains(flag.name) && zsh().contains(flag.name), "{}", flag.name);
            assert!(fish().contains(&format!("-l {}", flag.name.trim_start_matches('-'))), "{}", flag.name);
        }
    }
}
