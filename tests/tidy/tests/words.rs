//! The tree speaks of itself alone: no machine it was made on, no list it was made from.

use fosse_tidy::{File, files, none};

/// Words of a workshop, written in pieces so that this file does not hold them.
fn words() -> Vec<String> {
    let pieces = [
        ("/wo", "rk/"),
        ("BRI", "EF"),
        ("MISS", "ION.md"),
        ("SANDBOX", "-NOTES"),
        ("STY", "LE.md"),
        ("the l", "ead "),
        ("sub", "agent"),
        ("Clau", "de"),
        ("Chat", "GPT"),
        ("Anthro", "pic"),
        ("Open", "AI"),
        ("hel", "pers/"),
        ("/ro", "ot/.cargo"),
        ("AI-gen", "erated"),
        ("this work", "shop"),
        ("acceptance crit", "eria"),
        ("/tmp/tar", "get"),
    ];
    pieces.iter().map(|(a, b)| format!("{a}{b}")).collect()
}

#[test]
fn no_word_of_the_workshop_is_in_the_tree() {
    let words = words();
    let mut found = Vec::new();
    for file in files() {
        for (at, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                found.push(format!("{}:{}: {}", file.path, at + 1, line.trim().chars().take(120).collect::<String>()));
            }
        }
    }
    none("words", &found);
}

#[test]
fn no_number_of_a_task_is_in_the_tree() {
    // Other projects' cases keep the names their authors gave them.
    let foreign = |file: &File| file.path.starts_with("common/waf/libinjection/tests/data/");
    let mut found = Vec::new();
    for file in files().iter().filter(|file| !foreign(file)) {
        for (at, line) in file.text.lines().enumerate() {
            let lower = line.to_lowercase();
            let numbered = |word: &str| {
                fosse_tidy::source::words_after(&lower, word, |c| c == '#' || c.is_ascii_digit())
                    .iter()
                    .any(|n| !n.is_empty())
            };
            if [concat!("iss", "ue "), concat!("iss", "ue#"), concat!("tick", "et ")].iter().any(|word| numbered(word))
            {
                found.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
            }
        }
    }
    none("numbers", &found);
}
