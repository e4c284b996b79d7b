//! Every pattern of the Core Rule Set compiles, and all of them together stay small.

mod corpus;

use fosse_pattern::{PatternSet, Regex};
use std::path::PathBuf;

/// Lookaround, back-references, or possessive runs whose giving back could matter.
const BACKTRACKING: [&str; 5] = ["920120", "920600", "942130", "942260", "953120"];

fn compiles_all(dir: Option<PathBuf>, at_least: usize, backtracking: &[&str]) {
    let Some(dir) = dir else { return };
    let rules = corpus::patterns(&dir);
    assert!(rules.len() >= at_least, "only {} patterns found", rules.len());
    let mut failed = Vec::new();
    for (id, pattern) in &rules {
        match Regex::new(pattern) {
            Err(error) => failed.push(format!("{id}: {error}: {}", pattern.escape_ascii())),
            Ok(regex) if !regex.is_linear() && !backtracking.contains(&id.as_str()) => {
                failed.push(format!("{id}: needs backtracking"));
            }
            Ok(_) => {}
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn compiles_every_pattern_of_crs_4_for_linear_time() {
    compiles_all(corpus::crs4(), 300, &[]);
}

#[test]
fn compiles_every_pattern_of_crs_3() {
    compiles_all(corpus::crs3(), 250, &BACKTRACKING);
}

#[test]
fn all_of_crs_4_takes_less_than_10_mib() {
    let Some(dir) = corpus::crs4() else { return };
    let start = std::time::Instant::now();
    let rules = corpus::patterns(&dir);
    let regexes: Vec<Regex> = rules.iter().map(|(_, pattern)| Regex::new(pattern).unwrap()).collect();
    let set = PatternSet::new(regexes.iter().map(Regex::requirement)).unwrap();
    let bytes: usize = regexes.iter().map(Regex::memory_usage).sum();
    println!(
        "{} patterns {} KiB, set {} KiB, {:?}",
        rules.len(),
        bytes / 1024,
        set.memory_usage() / 1024,
        start.elapsed()
    );
    assert!(bytes + set.memory_usage() < 10 << 20);
}
