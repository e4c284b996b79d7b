//! `fosse drain`, `fosse ready` and `fosse weight`: the state of a server of a running edge.

use fosse_args::Args;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say};

use super::{Edge, RESPONSE_TIME_MAX};
use crate::{PROGRAM, output::print};

/// Runs one of the commands.
pub(crate) fn run(words: &Args) -> i32 {
    let [server, weight] = [0, 1].map(|at| words.positional(at).unwrap_or_default());
    let target = match words.command() {
        "weight" => format!("/servers/weight/{weight}/{server}"),
        command => format!("/servers/{command}/{server}"),
    };
    let fail = |why: String, code| {
        say(PROGRAM, Severity::Fatal, why);
        code
    };
    if words.command() == "weight" && !is_weight(weight) {
        return fail(format!("\"{weight}\" is no weight: a number of 0 to 256, or \"default\""), EXIT_PERMANENT);
    }
    // It becomes a word of a request.
    if !server.bytes().all(|byte| byte.is_ascii_graphic()) {
        return fail(format!("\"{}\" is not a server", server.escape_debug()), EXIT_PERMANENT);
    }
    match Edge::of(words).and_then(|edge| edge.change(&target, RESPONSE_TIME_MAX)) {
        Ok(said) => print(&format!("{said}\n")),
        Err(why) => fail(why, EXIT_TEMPORARY),
    }
}

fn is_weight(word: &str) -> bool {
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    word == "default" || digits && word.parse::<u16>().is_ok_and(|weight| weight <= 256)
}
