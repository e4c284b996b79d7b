//! The driver knows every target of the tree, its seeds keep every promise, and it finds and keeps what breaks one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use fosse_fuzz::targets::ALL;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// `file.function` of every `pub fn NAME(data: &[u8])` below src/target.
fn in_the_tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("fuzz/src/target")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let functions = text.lines().filter(|line| line.contains("(data: &[u8]) {"));
        let functions = functions.filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
        found.extend(functions.map(|function| format!("{file}.{function}")));
    }
    found
}

#[test]
fn every_fuzz_target_in_the_tree_is_driven() {
    // A crate with more than one file of targets has them all under its own name.
    let of_crate = |name: String| name.replace("waf_filter_responses.", "waf_filter.");
    let known: BTreeSet<String> = ALL.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(in_the_tree().into_iter().map(of_crate).collect::<BTreeSet<_>>(), known);
    assert_eq!(known.len(), ALL.len(), "a name twice");
}

#[test]
fn every_target_has_seeds_and_they_keep_its_promises() {
    for target in ALL {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}

fn driver(arguments: &[&str], findings: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_fosse-fuzz"))
        .args(arguments)
        .arg("--findings")
        .arg(findings)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_short_run_over_some_targets_ends_well_and_leaves_nothing() {
    let findings = std::env::temp_dir().join(format!("fosse-fuzz-{}", std::process::id()));
    let (code, said) = driver(&["--total-seconds", "2", "--seed", "7", "http1.chunked", "wire.ring"], &findings);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("seed 7") && said.contains("http1.chunked: ") && said.contains("wire.ring: "), "{said}");
    assert_eq!(std::fs::read_dir(&findings).unwrap().count(), 0);
    std::fs::remove_dir_all(&findings).unwrap();
    assert_eq!(driver(&["no.target"], &findings).0, Some(100));
}

#[test]
fn what_panics_dies_or_hangs_is_found_and_its_input_kept() {
    let findings = std::env::temp_dir().join(format!("fosse-fuzz-broken-{}", std::process::id()));
    let targets = ["broken.panics", "broken.dies", "broken.hangs"];
    let (code, said) = driver(&[&["--seconds", "30", "--seed", "7", "--jobs", "3"][..], &targets].concat(), &findings);
    assert_eq!(code, Some(1), "{said}");
    for name in targets {
        assert!(said.contains(&format!("{name}: finding: ")), "{said}");
        let mut kept = std::fs::read_dir(&findings).unwrap().flatten().map(|entry| entry.path());
        let file = kept.find(|file| file.file_name().unwrap().to_string_lossy().starts_with(name)).unwrap();
        let input = std::fs::read(file).unwrap();
        assert!(input.windows(2).any(|pair| pair == b"!?"), "{name}: {input:?}");
        assert!(name != "broken.panics" || input == b"!?", "a finding is made as small as it can be");
    }
    assert_eq!(std::fs::read_dir(&findings).unwrap().count(), 3);
    std::fs::remove_dir_all(&findings).unwrap();
}
