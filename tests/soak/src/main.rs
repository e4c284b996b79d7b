//! fosse-soak: runs the scenarios at full length and prints what they measure.
//!
//! Scenarios run one after the other, all of them where none is named. A promise that is broken
//! ends the program with words; a limit of time or memory that is missed is marked in the table,
//! and the exit status is 1.

#![forbid(unsafe_code)]

use std::{process::exit, time::Duration};

use fosse_soak::{
    apart, backend, limits,
    random::Random,
    report::Report,
    scenario::{Extent, everything, hostile, integrity, kills, reloads, slow, stopped},
};

const USAGE: &str =
    "usage: fosse-soak [--minutes N | --seconds N] [--requests N] [--percent N] [--seed N] [SCENARIO...]";

/// The time of a run that ends with a number of requests, unless one is given after it.
const NO_LIMIT: Duration = Duration::from_secs(30 * 24 * 3600);

type Scenario = fn(Extent) -> Report;

const SCENARIOS: [(&str, Scenario); 17] = [
    ("integrity", integrity::run),
    ("broken", integrity::broken_backend),
    ("inspected", integrity::inspected),
    ("kills", kills::stages),
    ("inspected-kills", kills::inspected_stages),
    ("everything", everything::run),
    ("lanes", kills::of_one_lane),
    ("start", kills::of_start),
    ("stopped", stopped::run),
    ("reloads", reloads::run),
    ("upgrades", reloads::upgrades),
    ("readers", slow::readers),
    ("chunks", slow::ring_readers),
    ("senders", slow::senders),
    ("idle", slow::idle),
    ("hostile", hostile::run),
    ("storm", hostile::storm),
];

fn refuse() -> ! {
    let names: Vec<&str> = SCENARIOS.iter().map(|(name, _)| *name).collect();
    eprintln!("{USAGE}\nscenarios: {}", names.join(" "));
    exit(100)
}

/// A scenario that panics may not unwind: the edges are ended here.
fn leave_nothing_behind() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        for edge in fosse_harness::children(std::process::id()) {
            edge.signal(rustix::process::Signal::KILL);
        }
    }));
}

/// Does what a part of a scenario does.
fn part(words: &[String]) -> ! {
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["backend", path, name] => backend::serve(path, name),
        [who @ ("hostile" | "storm"), name, address, count] => {
            let (Ok(address), Ok(count)) = (address.parse(), count.parse()) else { refuse() };
            if *who == "storm" {
                hostile::attack_in_storm(name, address, count)
            }
            hostile::attack(name, address, count)
        }
        _ => refuse(),
    }
}

/// Returns what the command line asks for.
fn read(words: Vec<String>) -> (Extent, Vec<(&'static str, Scenario)>) {
    let program = std::env::current_exe().unwrap().into_os_string().into_string().unwrap().leak();
    let mut extent = Extent {
        program,
        time: Duration::from_secs(60),
        requests_max: u64::MAX,
        percent: 100,
        seed: Random::seed_of_today(),
    };
    let mut wanted = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_else(|| refuse());
        match word.as_str() {
            "--minutes" => extent.time = Duration::from_secs(60 * number()),
            "--seconds" => extent.time = Duration::from_secs(number()),
            "--requests" => {
                extent.requests_max = number();
                extent.time = NO_LIMIT;
            }
            "--percent" => extent.percent = number() as usize,
            "--seed" => extent.seed = number(),
            name => wanted.push(*SCENARIOS.iter().find(|(n, _)| *n == name).unwrap_or_else(|| refuse())),
        }
    }
    if wanted.is_empty() {
        wanted = SCENARIOS.to_vec();
    }
    (extent, wanted)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, words)) = words.split_first()
        && first == apart::PART
    {
        part(words);
    }
    limits::all_descriptors();
    leave_nothing_behind();
    let (extent, wanted) = read(words);
    println!("fosse-soak: seed {} (give it with --seed to run the same again)", extent.seed);
    let mut kept = true;
    for (name, scenario) in wanted {
        let report = scenario(extent);
        report.print(name);
        kept &= report.is_kept();
    }
    exit(i32::from(!kept));
}
