//! The field's words: no home-made one is in the products.

use fosse_tidy::source::code;
use fosse_tidy::{File, files, none};

/// A home-made word that no line of products and manual pages has, and the field's word for it.
const HOME_MADE: &[(&str, &str)] = &[
    ("answer", "response (HTTP), reply (connect, fork server)"),
    ("birth", "spawn"),
    ("born", "spawned, child"),
    ("nursery", "fork server"),
    ("stillborn", "the error by its kind"),
    ("gifts", "SpawnOptions"),
    ("court", "Evaluator"),
    ("passenger", "Pending"),
    ("farewell", "shutdown"),
    ("neighbour", "peer"),
    ("anew", "again"),
    ("so many", "a number"),
    ("ebb", "HeapTrimmer"),
    ("twin", "duplicate"),
    ("rehears", "dry run"),
];

/// A home-made name of a type, a method or a field that no line of products' code has, and the
/// field's name for it. These are names that no English sentence needs, or
/// that code alone has: a whole name in its own case counts, comments and strings do not.
const HOME_MADE_NAMES: &[(&str, &str)] = &[
    ("Bench", "Scratch"),
    ("Court", "Evaluator"),
    ("Deed", "ActionKind"),
    ("Ebb", "HeapTrimmer"),
    ("FakeStore", "a double in tests"),
    ("Gifts", "SpawnOptions"),
    ("Happened", "Event"),
    ("Judge", "Filter"),
    ("Mark", "Strike"),
    ("Marks", "Strikes"),
    ("Odd", "Escaped"),
    ("Passenger", "Pending"),
    ("Stillborn", "InheritError"),
    ("Turn", "EventLoop"),
    ("Wish", "Candidate"),
    ("Words", "Args"),
    ("bear", "spawn"),
    ("budget_ms", "rules_milliseconds_max"),
    ("fields_max", "header_count_max"),
    ("happened", "events"),
    ("hurry", "a budget that the test hands in"),
    ("hush", "a log that the test hands in"),
    ("let_go", "release_pages"),
    ("newborn", "child"),
    ("nursery", "fork server"),
    ("obey", "on_start_message"),
    ("one_turn", "poll_once"),
    ("rehearse", "dry_run"),
    ("shelf", "column"),
    ("take_orders", "on_start_message"),
    ("told", "on_start_message"),
    ("trial", "evaluate"),
    ("twin", "duplicate"),
    ("walls", "layers"),
];

/// Whether a line has the word, alone or as a part of a name.
fn has(line: &str, word: &str) -> bool {
    let lower = line.to_lowercase();
    lower.match_indices(word).any(|(at, _)| !lower[..at].ends_with(|c: char| c.is_ascii_alphabetic()))
}

#[test]
fn words_are_the_fields() {
    let product = |file: &File| file.is_source() || file.path.starts_with("man/");
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| product(file)) {
        for (at, line) in file.text.lines().enumerate() {
            for (word, standard) in HOME_MADE.iter().filter(|(word, _)| has(line, word)) {
                wrong.push(format!("{}:{}: '{word}': the field says {standard}", file.path, at + 1));
            }
        }
    }
    none("home-made words", &wrong);
}

#[test]
fn names_are_the_fields() {
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.is_source()) {
        for (at, line) in file.text.lines().map(code).enumerate() {
            let names: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
            for (name, standard) in HOME_MADE_NAMES.iter().filter(|(name, _)| names.contains(name)) {
                wrong.push(format!("{}:{}: '{name}': the field says {standard}", file.path, at + 1));
            }
        }
    }
    none("home-made names", &wrong);
}
