//! `fosse rules`: rules checked, explained, tested and measured in this process, by the engine that
//! waf-filter runs.

mod bench;
mod check;
mod evaluate;
mod explain;
mod from;
mod ftw;
pub(crate) mod layout;
mod response;
mod source;
mod url;

use fosse_args::Args;

/// Runs one of the commands.
pub(crate) fn run(words: &Args) -> i32 {
    match words.command() {
        "check" => check::run(words),
        "explain" => explain::run(words),
        "test" => ftw::run(words),
        "bench" => bench::run(words),
        _ => from::run(words),
    }
}
