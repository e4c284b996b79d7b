//! fosse-slowest: searches for the request that costs the rule engine most for each of its bytes, or says what given
//! ones cost: those in fuzz/slow are the worst that were found, and it ends with 1 where one of them costs too much again.
//!
//! `fosse-slowest [--seconds N] [--seed N] [--paranoia N] [--findings DIR] RULES [FILE...]`: RULES is an unpacked Core
//! Rule Set. A development tool: no lock-down.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use fosse_args::Args;
use fosse_fuzz::slowest::{growth, load, path, search};

const PROGRAM: &str = "fosse-slowest";
const USAGE: &str = "fosse-slowest [--seconds N] [--seed N] [--paranoia N] [--findings DIR] RULES [FILE...]";

/// Steps for a byte that no request may cost: a tenth more than the worst that was found. The bodies of the requests are
/// looked at twice and four times as long, too, so that what grows faster than its length shows.
const RATE_MAX: u64 = 1_750;

fn main() {
    let mut args = Args::of_process(PROGRAM, USAGE);
    let seconds = args.parsed("--seconds", "a number").unwrap_or(60);
    let seed = args.parsed("--seed", "a number").unwrap_or(1);
    let paranoia = args.parsed("--paranoia", "a number").unwrap_or(1);
    let findings = args.value("--findings").map_or_else(|| PathBuf::from("fuzz/artifacts"), PathBuf::from);
    let rules = args.word().unwrap_or_else(|| args.refuse("no rules are named"));
    let files: Vec<String> = std::iter::from_fn(|| args.word()).collect();
    args.end();
    let rules = load(rules.as_ref(), paranoia);
    if files.is_empty() {
        let _ = std::fs::create_dir_all(&findings);
        let found = search(&rules, Duration::from_secs(seconds), seed, |costly| {
            println!("{} steps for each of {} bytes", costly.rate(), costly.input.len());
        });
        for costly in found.iter().take(5) {
            let _ = std::fs::write(path(&findings, costly), &costly.input);
            tell(&path(&findings, costly).to_string_lossy(), &growth(&rules, &costly.input).map(|costly| costly.steps));
        }
    }
    let mut dear = false;
    for file in files {
        let input = std::fs::read(&file)
            .unwrap_or_else(|error| fosse_die::fatal(PROGRAM, format_args!("unable to read {file}: {error}")));
        let costs = growth(&rules, &input);
        tell(&file, &costs.each_ref().map(|costly| costly.steps));
        dear |= costs.iter().any(|costly| costly.rate() > RATE_MAX);
    }
    if cfg!(feature = "steps") && dear {
        fosse_die::alert(PROGRAM, format_args!("more than {RATE_MAX} steps for a byte"));
        std::process::exit(1);
    }
}

fn tell(name: &str, [once, twice, four]: &[u64; 3]) {
    println!("{name}: {once} steps; with the body twice {twice}, four times {four}");
}
