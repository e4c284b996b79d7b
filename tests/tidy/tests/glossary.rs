//! The field's words: home-made ones that are still in the products are counted, and only get
//! fewer.

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
