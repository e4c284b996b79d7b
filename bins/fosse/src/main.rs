//! fosse: the command people type.
//!
//! It has no privilege of its own and reads nothing from the network but the status socket of an edge on this machine.
//! `up` becomes fosse-start; the others look, say what they see, and end: 0 done, 1 a finding, 100 wrong, 111 not now.

#![forbid(unsafe_code)]

mod audit;
mod check;
mod commands;
mod completions;
mod edge;
mod explain;
mod help;
mod programs;
mod reload;
mod rules;
mod site;
mod start;
mod status;
mod up;
mod words;

use words::Words;

const PROGRAM: &str = "fosse";

fn main() {
    fosse_sys::panic_hook(PROGRAM);
    let given: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let words = words::read(&given).unwrap_or_else(|why| fosse_die::usage(PROGRAM, &why));
    std::process::exit(run(&words));
}

fn run(words: &Words) -> i32 {
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

fn helped(words: &Words) -> i32 {
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

/// Writes to the standard output. A reader that has seen enough (head, less) is no error.
fn print(text: &str) -> i32 {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    0
}
