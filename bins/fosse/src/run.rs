//! From the command to the function that does it.

use fosse_args::Args;

use crate::commands::FOSSE;
use crate::output::print;
use crate::{
    PROGRAM, access, audit, check, completions, doctor,
    edge::{certificates, connections, purge, servers},
    explain, reload, reopen, rules, status, text, up,
};

/// Runs a command and returns the exit status.
pub(crate) fn run(words: &Args) -> i32 {
    match (words.group(), words.command()) {
        ("rules", _) => rules::run(words),
        (_, "up") => up::run(words),
        (_, "check") => check::run(words),
        (_, "status") => status::run(words),
        (_, "audit") => audit::run(words),
        (_, "doctor") => doctor::run(words),
        (_, "explain") => explain::run(words),
        (_, "password") => access::password::run(words),
        (_, "sign") => access::sign::run(words),
        (_, "fmt") => text::fmt::run(words),
        (_, "migrate") => text::migrate::run(words),
        (_, "reload") => reload::run(words),
        (_, "reopen") => reopen::run(words),
        (_, "connections") => connections::show(words),
        (_, "disconnect") => connections::disconnect(words),
        (_, "drain" | "ready" | "weight") => servers::run(words),
        (_, "certs") => certificates::run(words),
        (_, "purge") => purge::run(words),
        (_, "version") => print(&format!("{PROGRAM} {}\n", env!("CARGO_PKG_VERSION"))),
        _ => helped(words),
    }
}

/// Shows what `--help` after the same words shows.
fn helped(words: &Args) -> i32 {
    if let Some(shell) = words.value("--completions") {
        return print(&completions::of(shell).unwrap_or_default());
    }
    let asked: Vec<String> = words.rest(0).iter().cloned().chain(["--help".to_owned()]).collect();
    match fosse_args::read(&FOSSE, &asked) {
        Ok(fosse_args::Request::Show(text)) => print(&text),
        Ok(fosse_args::Request::Run(_)) => 0,
        Err(why) => fosse_die::usage(PROGRAM, &why),
    }
}
