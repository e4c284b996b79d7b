//! Compiles rule files: `check ENTRY FILE...`. ENTRY is a file among them; says how many rules
//! there are, how long it took, or what is wrong.

use fosse_seclang::{Bundle, Ruleset};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let entry = arguments.next().expect("usage: check ENTRY FILE...");
    let mut bundle = Bundle::new();
    for name in arguments.chain([entry.clone()]) {
        bundle.insert(&name, std::fs::read(&name).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    let started = std::time::Instant::now();
    match Ruleset::compile(&bundle, &entry) {
        Ok(rules) => {
            rules.notes().iter().for_each(|note| println!("{note}"));
            println!("{} rules in {} ms; {}", rules.len(), started.elapsed().as_millis(), memory());
        }
        Err(errors) => errors.iter().for_each(|error| println!("{error}")),
    }
}

/// Resident memory now and at its highest, in KiB.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
