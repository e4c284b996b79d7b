//! Who had the cores, and for how long at a time.

use std::{collections::BTreeMap, fs};

use fosse_harness::Edge;

use crate::report::Report;

/// Writes down the longest turn of each program, and how long its processes ran and waited to run.
///
/// # Panics
/// Where fosse-status does not respond.
pub fn write_down(edge: &Edge, report: &mut Report) {
    let turns = longest_turns(edge).into_iter().map(|(program, us)| format!("{program}={us}"));
    report.row("longest turns in us", turns.collect::<Vec<_>>().join(" "));
    let times = edge.children().into_iter().map(|child| {
        let (ran, waited) = ran_and_waited(child.pid);
        format!("{}={ran}+{waited}", child.program)
    });
    report.row("ms run + waited for a core", times.collect::<Vec<_>>().join(" "));
}

/// The longest turn of each program so far in microseconds.
fn longest_turns(edge: &Edge) -> BTreeMap<String, u64> {
    let mut longest = BTreeMap::new();
    for line in edge.status_page("/status.txt").lines() {
        let us = line.split(' ').find_map(|word| word.strip_prefix("turn_us_longest=")?.parse::<u64>().ok());
        if let (Some(program), Some(us)) = (line.split(' ').next(), us) {
            let entry: &mut u64 = longest.entry(program.to_owned()).or_default();
            *entry = us.max(*entry);
        }
    }
    longest
}

/// Milliseconds a process has run, and those it has waited for a core (proc(5), schedstat).
fn ran_and_waited(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let mut ms = text.split_ascii_whitespace().map(|ns| ns.parse::<u64>().unwrap_or(0) / 1_000_000);
    (ms.next().unwrap_or(0), ms.next().unwrap_or(0))
}
