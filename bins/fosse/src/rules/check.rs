//! `fosse rules check`: all problems of rules; or their parts and their cost, and the parts of them
//! that do nothing.

use std::fmt::Write as _;
use std::time::Instant;

use fosse_args::Args;

use super::source::Source;
use crate::output::print;

/// Checks the rules; ends the program where they are wrong.
pub(crate) fn run(words: &Args) -> i32 {
    let source = Source::of(words.values("--rules"));
    let (files, before, begun) = (source.files, resident_kib(), Instant::now());
    let rules = source.compile("");
    let took = begun.elapsed();
    fosse_sys::memory::trim();
    // Less than before, where compiling gave more back than it took, is none.
    let memory = resident_kib().saturating_sub(before);
    let shape = rules.shape();
    let mut out = String::new();
    let names = ["request head", "request body", "response head", "response body", "logging"];
    let _ = writeln!(out, "files     {files}");
    let _ = writeln!(out, "rules     {}", rules.len());
    for ((at, name), count) in (1..).zip(names).zip(shape.rules) {
        let _ = writeln!(out, "  phase {at} {count:5}  {name}");
    }
    let _ = writeln!(out, "targets   {}", shape.targets);
    let _ = writeln!(out, "patterns  {}", shape.patterns);
    let _ = writeln!(out, "chains    {} of transformations", shape.chains);
    let _ = writeln!(out, "compiled  in {} ms", took.as_millis());
    let _ = writeln!(out, "memory    {:.1} MiB", f64::from(u32::try_from(memory).unwrap_or(u32::MAX)) / 1024.0);
    for note in rules.notes() {
        let _ = writeln!(out, "note      {}: {}", note.location, note.message);
    }
    print(&out)
}

/// Returns the resident memory of this process, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
