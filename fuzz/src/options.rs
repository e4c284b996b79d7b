//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use fosse_args::Args;

use crate::PROGRAM;
use crate::targets::{ALL, BROKEN, Target};

const USAGE: &str = "fosse-fuzz [--seconds N | --total-seconds N] [--seed N] [--jobs N] [--findings DIR] [--corpus DIR] \
    [TARGET...] | --list | --replay FILE TARGET";

/// Seconds for each target where nothing is said.
const SECONDS: u64 = 20;

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Print the targets' names.
    pub list: bool,
    /// Run one input.
    pub replay: Option<PathBuf>,
    /// This is the process of one target.
    pub inside: bool,
    /// What every sequence of inputs follows from.
    pub seed: u64,
    /// Targets that run at a time.
    pub jobs: usize,
    /// Time for each target.
    pub time: Duration,
    /// Where inputs that break a promise go.
    pub findings: PathBuf,
    /// Inputs of earlier runs, and where interesting ones go: one directory below it for each target.
    pub corpus: Option<PathBuf>,
    /// Which targets.
    pub targets: Vec<&'static Target>,
}

impl Options {
    /// Reads the command line of this process; ends it (100) with the usage where that is wrong.
    #[must_use]
    pub fn of_process() -> Self {
        let mut args = Args::of_process(PROGRAM, USAGE);
        let (list, inside) = (args.flag("--list"), args.flag("--inside"));
        let replay = args.value("--replay").map(PathBuf::from);
        let seed = args.parsed("--seed", "a number").unwrap_or_else(by_chance);
        let jobs = args.parsed("--jobs", "a number").unwrap_or_else(cores).max(1);
        let milliseconds: Option<u64> = args.parsed("--milliseconds", "a number");
        let seconds: Option<u64> = args.parsed("--seconds", "a number");
        let total: Option<u64> = args.parsed("--total-seconds", "a number");
        if seconds.is_some() && total.is_some() {
            args.refuse("--seconds and --total-seconds together");
        }
        let findings = args.value("--findings").map_or_else(|| PathBuf::from("fuzz/artifacts"), PathBuf::from);
        let corpus = args.value("--corpus").map(PathBuf::from);
        let names: Vec<String> = std::iter::from_fn(|| args.word()).collect();
        let mut targets: Vec<&Target> = names.iter().map(|name| find(name, &args)).collect();
        args.end();
        if targets.is_empty() {
            targets = ALL.iter().collect();
        }
        let rounds = targets.len().div_ceil(jobs).max(1);
        let time = match (milliseconds, total) {
            (Some(milliseconds), _) => Duration::from_millis(milliseconds),
            (None, Some(total)) => Duration::from_secs(total) / u32::try_from(rounds).unwrap_or(u32::MAX),
            (None, None) => Duration::from_secs(seconds.unwrap_or(SECONDS)),
        };
        Self { list, replay, inside, seed, jobs, time, findings, corpus, targets }
    }

    /// The one target that is named.
    #[must_use]
    pub fn only_target(&self) -> &'static Target {
        match self.targets.as_slice() {
            [one] => one,
            _ => fosse_die::usage(PROGRAM, USAGE),
        }
    }
}

fn find(name: &str, args: &Args) -> &'static Target {
    let found = ALL.iter().chain(BROKEN).find(|target| target.name == name);
    found.unwrap_or_else(|| args.refuse(format_args!("there is no target '{name}' (--list has them)")))
}

fn by_chance() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0) % 1_000_000_000
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
