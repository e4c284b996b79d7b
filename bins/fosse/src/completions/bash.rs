//! bash: one function, a case for each command, words by the option before them.

use std::fmt::Write as _;

use fosse_args::{Flag, Takes, Usage};

use super::{leaves, names, takes_paths};
use crate::commands::FOSSE;

/// The parts of the function before its cases. A name of a file may hold blanks: candidates come a
/// line each.
const BEGIN: &str = "# bash completion for fosse(1); made by: fosse help --completions bash
_fosse_words() {
    COMPREPLY=($(compgen -W \"$1\" -- \"$word\"))
}
_fosse_files() {
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- \"$word\"))
}
_fosse() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
    COMPREPLY=()
";

/// Returns the completion script.
pub(super) fn script() -> String {
    let mut out = String::from(BEGIN);
    level(1, &FOSSE, &mut out);
    for group in FOSSE.commands.iter().filter(|command| !command.commands.is_empty()) {
        let _ = writeln!(out, "    if [ \"$command\" = {} ]; then", group.name);
        level(2, group, &mut out);
        out.push_str("        command=\"$command ${COMP_WORDS[2]}\"\n    fi\n");
    }
    out.push_str("    case $command in\n");
    leaves().for_each(|(path, command)| case(&path, command, &mut out));
    out.push_str("    esac\n}\ncomplete -F _fosse fosse\n");
    out
}

/// Completes the name of a command in the word of that number.
fn level(number: usize, usage: &Usage, out: &mut String) {
    let indent = "    ".repeat(number);
    let _ = writeln!(
        out,
        "{indent}if [ \"$COMP_CWORD\" -eq {number} ]; then\n{indent}    _fosse_words \"{}\"\n{indent}    return\n{indent}fi",
        names(usage)
    );
}

fn flags(command: &Usage, is: impl Fn(&Flag) -> bool, between: &str) -> String {
    command.flags.iter().filter(|flag| is(flag)).map(|flag| flag.name).collect::<Vec<_>>().join(between)
}

fn case(path: &str, command: &Usage, out: &mut String) {
    let _ = writeln!(out, "    \"{path}\")\n        case $before in");
    for flag in command.flags {
        if let Takes::Word(words) = flag.takes {
            let _ = writeln!(out, "        {}) _fosse_words \"{}\"; return ;;", flag.name, words.join(" "));
        }
    }
    let paths = flags(command, |flag| matches!(flag.takes, Takes::Path(_)), "|");
    if !paths.is_empty() {
        let _ = writeln!(out, "        {paths}) _fosse_files; return ;;");
    }
    let others = flags(command, |flag| matches!(flag.takes, Takes::Text(_)), "|");
    if !others.is_empty() {
        let _ = writeln!(out, "        {others}) return ;;");
    }
    let all = flags(command, |_| true, " ");
    let words = if command.name == "help" { format!("{} {all}", names(&FOSSE)) } else { all };
    let files = if takes_paths(command) { "\n        _fosse_files" } else { "" };
    let _ = writeln!(out, "        esac\n        _fosse_words \"{words}\"{files} ;;");
}
