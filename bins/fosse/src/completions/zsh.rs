//! zsh: commands by `_describe`, their options by `_arguments`.

use std::fmt::Write as _;

use fosse_args::{Takes, Usage};

use super::names;
use crate::commands::FOSSE;

/// Returns the completion script.
pub(super) fn script() -> String {
    let mut out =
        String::from("#compdef fosse\n# zsh completion for fosse(1); made by: fosse help --completions zsh\n");
    for group in FOSSE.commands.iter().filter(|command| !command.commands.is_empty()) {
        function(&format!("_fosse_{}", group.name), group, &mut out);
    }
    function("_fosse", &FOSSE, &mut out);
    out.push_str("_fosse \"$@\"\n");
    out
}

/// Square brackets, colons and quotes mean something to zsh.
fn text(text: &str) -> String {
    text.replace('[', "(").replace(']', ")").replace(':', "\\:").replace('\'', "")
}

fn function(name: &str, usage: &Usage, out: &mut String) {
    let _ = writeln!(out, "{name}() {{\n    local -a commands\n    commands=(");
    for command in usage.commands {
        let _ = writeln!(out, "        '{}:{}'", command.name, text(command.summary));
    }
    out.push_str("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n    case $command in\n");
    for command in usage.commands {
        if command.commands.is_empty() {
            arguments(command, out);
        } else {
            let _ = writeln!(out, "    {}) _fosse_{} ;;", command.name, command.name);
        }
    }
    out.push_str("    esac\n}\n");
}

fn arguments(command: &Usage, out: &mut String) {
    let _ = write!(out, "    {})\n        _arguments", command.name);
    for flag in command.flags {
        let value = match flag.takes {
            Takes::Nothing => String::new(),
            Takes::Text(name) => format!(":{}: ", text(name)),
            Takes::Path(name) => format!(":{name}:_files"),
            Takes::Word(words) => format!(":word:({})", words.join(" ")),
        };
        let again = if flag.takes.repeats() { "*" } else { "" };
        let _ = write!(out, " \\\n            '{again}{}[{}]{value}'", flag.name, text(flag.help));
    }
    for (at, word) in command.words.iter().enumerate() {
        let action = match word.takes {
            Takes::Path(_) => "_files".to_owned(),
            _ if command.name == "help" => format!("({})", names(&FOSSE)),
            _ => " ".to_owned(),
        };
        let place = if word.takes.repeats() { "*".to_owned() } else { (at + 1).to_string() };
        let needed = if word.needed || word.takes.repeats() { "" } else { ":" };
        let _ = write!(out, " \\\n            '{place}:{needed}{}:{action}'", text(&word.takes.shown()));
    }
    out.push_str(" ;;\n");
}
