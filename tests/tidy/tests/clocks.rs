//! Tests do not depend on how fast a machine is: they wait for events. CONTRIBUTING says how.

use std::collections::BTreeMap;

use fosse_tidy::source::code;
use fosse_tidy::{File, files, none};

/// Sleeps in the tests of each crate. A sleep is right between two looks of a wait that has an end,
/// and where time has to pass for what is tested to happen at all; before an assertion it is a
/// guess about the machine. The numbers only ever go down.
const SLEEPS: &[(&str, usize, &str)] = &[
    ("bins/accept", 1, "a second in which work is counted"),
    ("bins/parse", 6, "looks at a channel; clients that drip; a limit that must pass"),
    ("bins/start", 1, "a machine stands still for longer than a hang may last"),
    ("bins/static", 2, "looks for the socket; a file gets old enough for a strong tag"),
    ("bins/store", 1, "a record's time must pass"),
    ("bins/waf-filter", 2, "a backend that waits for the word of the test"),
    ("common/process/lockdown", 5, "looks at a child's state; what sleeps is the child"),
    ("tests/clients", 7, "attackers that drip or come back; a client that looks at its page; looks at memory"),
    ("tests/harness", 2, "looks of wait_for; a backend that is asked to be slow"),
    ("tests/soak", 19, "looks at processes and logs; load over some time, whatever it brings about"),
];

fn crates(files: &[File]) -> Vec<String> {
    let mut found: Vec<String> =
        files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml")).map(str::to_owned).collect();
    // The innermost first.
    found.sort_by_key(|path| std::cmp::Reverse(path.len()));
    found
}

/// The part of a file that is a test's: all of those below a `tests` folder, the test module at the
/// end of others.
fn tests_of(file: &File) -> &str {
    let all = file.path.starts_with("tests/") || file.path.contains("/tests/");
    if all { &file.text } else { file.text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) }
}

fn sleeps(text: &str) -> usize {
    text.lines().map(|line| code(line).matches("sleep(").count()).sum()
}

#[test]
fn tests_sleep_no_more_than_they_did() {
    let files = files();
    let crates = crates(&files);
    let mut found = BTreeMap::<String, usize>::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let Some(owner) = crates.iter().find(|path| file.path.starts_with(&format!("{path}/"))) else { continue };
        *found.entry(owner.clone()).or_default() += sleeps(tests_of(file));
    }
    let allowed = |path: &str| SLEEPS.iter().find(|(owner, ..)| *owner == path).map_or(0, |(_, count, _)| *count);
    let more = found.iter().filter(|(path, count)| **count > allowed(path));
    none(
        "sleeps in tests: wait for an event (CONTRIBUTING, Tests)",
        &more.map(|(path, count)| format!("{path}: {count}, not {}", allowed(path))).collect::<Vec<_>>(),
    );
    let fewer = SLEEPS.iter().filter(|(path, count, _)| found.get(*path).copied().unwrap_or(0) < *count);
    none("numbers to lower in the list of sleeps", &fewer.map(|(path, ..)| (*path).to_owned()).collect::<Vec<_>>());
}

#[test]
fn a_sleep_is_found_where_a_test_has_one() {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let own = "fn wait() { thread::sleep(TIME); }\n";
    let found = |file: File| sleeps(tests_of(&file));
    assert_eq!(found(file("bins/a/tests/b.rs", own)), 1);
    assert_eq!(found(file("bins/a/src/b.rs", own)), 0);
    assert_eq!(found(file("bins/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{\n{own}}}"))), 1);
    assert_eq!(found(file("bins/a/tests/b.rs", "let attack = \"sleep(5)\"; // no sleep(1)\n")), 0);
}
