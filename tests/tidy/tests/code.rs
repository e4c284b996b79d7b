//! What code of this tree does not hold.

use fosse_tidy::source::code;
use fosse_tidy::{File, files, none};

fn rust() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// Lines whose code, without comments and strings, holds one of `words`.
fn holding(file: &File, words: &[&str]) -> Vec<String> {
    let holds = |line: &str| words.iter().any(|word| code(line).contains(word));
    let lines = file.text.lines().enumerate().filter(|(_, line)| holds(line));
    lines.map(|(at, line)| format!("{}:{}: {}", file.path, at + 1, line.trim())).collect()
}

#[test]
fn nothing_is_left_to_do() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    // What prints times is run by hand: times are asserted nowhere.
    let is_measurement =
        |line: &String| line.contains("#[ignore = \"a measurement") || line.contains("#[ignore = \"prints ");
    let found =
        rust().iter().flat_map(|file| holding(file, &words)).filter(|line| !is_measurement(line)).collect::<Vec<_>>();
    none("left to do", &found);
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let noted = |file: &File| {
        let lines = file.text.lines().enumerate();
        let found =
            lines.filter(|(_, line)| notes.iter().any(|note| line.split("//").skip(1).any(|c| c.contains(note))));
        found.map(|(at, _)| format!("{}:{}", file.path, at + 1)).collect::<Vec<_>>()
    };
    none("notes", &rust().iter().flat_map(noted).collect::<Vec<_>>());
}

#[test]
fn unsafe_lives_in_common_sys_alone() {
    // What a fuzzer's callbacks are called is for LLVM to say, and saying so is unsafe.
    let with = ["common/process/sys/", "fuzz/steps/"];
    let elsewhere = rust().into_iter().filter(|file| !with.iter().any(|place| file.path.starts_with(place)));
    let has = |file: &File| {
        let lines = file.text.lines().enumerate();
        let found = lines.filter(|(_, line)| {
            let code = code(line);
            code.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "unsafe")
        });
        found.map(|(at, line)| format!("{}:{}: {}", file.path, at + 1, line.trim())).collect::<Vec<_>>()
    };
    none("unsafe", &elsewhere.flat_map(|file| has(&file)).collect::<Vec<_>>());
}

#[test]
fn every_crate_but_common_sys_forbids_unsafe() {
    let roots = ["/src/lib.rs", "/src/main.rs"];
    let is_root = |file: &File| file.is_source() && roots.iter().any(|root| file.path.ends_with(root));
    let open =
        |file: &File| !file.path.starts_with("common/process/sys/") && !file.text.contains("#![forbid(unsafe_code)]");
    none("crates", &rust().into_iter().filter(|f| is_root(f) && open(f)).map(|f| f.path).collect::<Vec<_>>());
}

/// Columns of a comment, with what stands before it.
const COMMENT_COLUMNS_MAX: usize = 100;

#[test]
fn comments_end_at_column_100() {
    let long = |file: &File| {
        let lines = file.text.lines().enumerate();
        // A line of one word cannot be broken, nor can a row of a table.
        let found = lines.filter(|(_, line)| {
            let comment = line.trim_start();
            let text = comment.trim_start_matches(['/', '!', ' ']);
            comment.starts_with("//")
                && text.contains(' ')
                && !text.starts_with('|')
                && line.chars().count() > COMMENT_COLUMNS_MAX
        });
        found.map(|(at, _)| format!("{}:{}", file.path, at + 1)).collect::<Vec<_>>()
    };
    none("long comments", &rust().iter().flat_map(long).collect::<Vec<_>>());
}

#[test]
fn doc_comments_begin_with_a_verb_or_a_noun() {
    let conjunctions = ["What", "How", "Whether", "Where", "Who", "Why", "When", "Which"];
    let mut found = Vec::new();
    for file in rust().iter().filter(|file| file.is_source()) {
        let mut before = "";
        for (at, line) in file.text.lines().map(str::trim).enumerate() {
            let first = line.strip_prefix("/// ").and_then(|text| text.split(' ').next());
            if !before.starts_with("///") && first.is_some_and(|word| conjunctions.contains(&word)) {
                found.push(format!("{}:{}", file.path, at + 1));
            }
            before = line;
        }
    }
    none("doc comments that begin with a noun clause, where RFC 1574 has a verb or a noun", &found);
}

/// Lines of products that saturate: deadlines, windows and rates, and counters whose top a stranger
/// may reach. Anything else is plain under overflow checks, or checked with an error.
const SATURATING_LINES_MAX: usize = 94;

#[test]
fn numbers_saturate_in_few_places() {
    let files = rust();
    let lines = files.iter().filter(|file| file.is_source()).flat_map(|file| holding(file, &["saturating_"]));
    let lines = lines.collect::<Vec<_>>();
    if lines.len() > SATURATING_LINES_MAX {
        none("lines that saturate", &lines);
    }
}
