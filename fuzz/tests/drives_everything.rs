//! The table has every target of the tree, and its seeds keep every promise.

use std::collections::BTreeSet;
use std::path::Path;

use fosse_fuzz::targets::ALL;

/// Returns `file.function` of every `pub` or `pub(crate) fn NAME(data: &[u8])` below src/target.
fn in_the_tree() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/target")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let functions = text.lines().filter(|line| line.contains("(data: &[u8]) {"));
        // Those that the crates' own tests take in by path are for the crate alone.
        let functions = functions.filter_map(|line| {
            let rest = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub(crate) fn "))?;
            rest.split('(').next()
        });
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
