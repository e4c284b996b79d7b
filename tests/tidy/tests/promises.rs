//! Every promise of SECURITY names its tests, and they exist.

use fosse_tidy::{files, none, read};

/// Words in backquotes that have the shape of a test's name.
fn tests_named(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |word: &&str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    quoted.filter(is_name).filter(|word| *word != "uid_base").map(str::to_owned).collect()
}

#[test]
fn every_test_that_security_names_exists() {
    let sources: Vec<String> =
        files().into_iter().filter(|file| file.path.ends_with(".rs")).map(|file| file.text).collect();
    // In the list of the soak tests a name is followed by what it runs.
    let is_there = |name: &String| {
        let shapes = [format!("fn {name}("), format!("(\"{name}\","), format!("    {name} => ")];
        sources.iter().any(|text| shapes.iter().any(|shape| text.contains(shape)))
    };
    let named = tests_named(&read("SECURITY.md"));
    assert!(named.len() > 40, "{} names", named.len());
    none("tests that do not exist", &named.into_iter().filter(|name| !is_there(name)).collect::<Vec<_>>());
}

#[test]
fn every_promise_of_security_names_a_test() {
    let text = read("SECURITY.md");
    let promises = ["## Who distrusts whom", "## The layers", "## When something dies", "## What is kept to itself"];
    let mut bare = Vec::new();
    for section in text.split("\n## ").map(|section| format!("## {section}")) {
        if !promises.iter().any(|promise| section.starts_with(promise)) {
            continue;
        }
        for item in section.split("\n- ").skip(1).filter(|item| tests_named(item).is_empty()) {
            bare.push(item.lines().next().unwrap_or_default().to_owned());
        }
    }
    none("promises without a test", &bare);
}
