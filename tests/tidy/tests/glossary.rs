//! The field's words: home-made ones that are still in the products are counted, and only get
//! fewer.

use std::collections::BTreeMap;

use fosse_tidy::source::code;
use fosse_tidy::{File, files, none};

/// A home-made word, the field's word for it, and the number of lines of products and manual pages
/// that still have it.
const HOME_MADE: &[(&str, &str, usize)] = &[
    ("answer", "response (HTTP), reply (connect, fork server)", 329),
    ("birth", "spawn", 1),
    ("born", "spawned, child", 9),
    ("nursery", "fork server", 0),
    ("stillborn", "the error by its kind", 8),
    ("gifts", "SpawnOptions", 0),
    ("court", "Evaluator", 0),
    ("passenger", "Pending", 0),
    ("farewell", "shutdown", 0),
    ("neighbour", "peer", 80),
    ("anew", "again", 17),
    ("so many", "a number", 25),
    ("told", "on_start_message", 83),
    ("ebb", "HeapTrimmer", 18),
    ("twin", "duplicate", 1),
    ("rehears", "dry run", 0),
];

/// A home-made name of a type, a method or a field, the field's name for it, and the number of
/// lines of products' code that still have it. These are names that no English sentence needs, or
/// that code alone has: a whole name in its own case counts, comments and strings do not.
const HOME_MADE_NAMES: &[(&str, &str, usize)] = &[
    ("Bench", "Scratch", 0),
    ("Court", "Evaluator", 0),
    ("Deed", "ActionKind", 0),
    ("Ebb", "HeapTrimmer", 10),
    ("FakeStore", "a double in tests", 0),
    ("Gifts", "SpawnOptions", 0),
    ("Happened", "Event", 8),
    ("Judge", "Filter", 0),
    ("Mark", "Strike", 0),
    ("Marks", "Strikes", 0),
    ("Odd", "Escaped", 22),
    ("Passenger", "Pending", 0),
    ("Stillborn", "InheritError", 8),
    ("Turn", "EventLoop", 0),
    ("Wish", "Candidate", 0),
    ("Words", "Args", 13),
    ("bear", "spawn", 0),
    ("budget_ms", "rules_milliseconds_max", 0),
    ("fields_max", "header_count_max", 0),
    ("happened", "events", 10),
    ("hurry", "a budget that the test hands in", 0),
    ("hush", "a log that the test hands in", 0),
    ("let_go", "release_pages", 3),
    ("newborn", "child", 0),
    ("nursery", "fork server", 0),
    ("obey", "on_start_message", 0),
    ("one_turn", "poll_once", 0),
    ("rehearse", "dry_run", 0),
    ("shelf", "column", 0),
    ("take_orders", "on_start_message", 0),
    ("trial", "evaluate", 7),
    ("twin", "duplicate", 0),
    ("walls", "layers", 17),
];

/// Whether a line has the word, alone or as a part of a name.
fn has(line: &str, word: &str) -> bool {
    let lower = line.to_lowercase();
    lower.match_indices(word).any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_ascii_alphabetic()))
}

#[test]
fn home_made_words_only_get_fewer() {
    let product = |file: &File| file.is_source() || file.path.starts_with("man/");
    let files: Vec<File> = files().into_iter().filter(product).collect();
    let mut wrong = Vec::new();
    for (word, standard, most) in HOME_MADE {
        let lines = files.iter().map(|file| file.text.lines().filter(|line| has(line, word)).count()).sum::<usize>();
        if lines > *most {
            wrong.push(format!("'{word}' on {lines} lines, at most {most}: the field says {standard}"));
        }
    }
    none("home-made words", &wrong);
}

#[test]
fn home_made_names_only_get_fewer() {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files().iter().filter(|file| file.is_source()) {
        for line in file.text.lines().map(code) {
            let mut names: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            names.sort_unstable();
            names.dedup();
            for (name, ..) in HOME_MADE_NAMES.iter().filter(|(name, ..)| names.contains(name)) {
                *lines.entry(name).or_default() += 1;
            }
        }
    }
    let now = |name: &str| lines.get(name).copied().unwrap_or(0);
    let more = HOME_MADE_NAMES.iter().filter(|(name, _, most)| now(name) > *most);
    let wrong = more.map(|(name, standard, most)| {
        format!("'{name}' on {} lines, at most {most}: the field says {standard}", now(name))
    });
    none("home-made names", &wrong.collect::<Vec<_>>());
}
