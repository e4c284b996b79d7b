//! Every limit, every log word and every exit status is documented, and nothing is documented that
//! is not there.

use std::process::Command;

use fosse_tidy::limits::{BEGIN, END, all, mdoc};
use fosse_tidy::source::events;
use fosse_tidy::{directories, files, none, read, top};

/// `FOSSE_WRITE_MANUAL=1 cargo test -p fosse-tidy` writes the list; without it the page is
/// compared.
#[test]
fn the_page_of_limits_lists_the_limits_of_the_code() {
    let path = "man/fosse-limits.7";
    let page = read(path);
    let (before, rest) = page.split_once(BEGIN).expect("the line before the list");
    let (list, after) = rest.split_once(END).expect("the line behind the list");
    let expected = format!("\n{}", mdoc(&all(&files())));
    if std::env::var_os("FOSSE_WRITE_MANUAL").is_some() {
        std::fs::write(top().join(path), format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert!(list == expected, "{path} is not what the code says: run once with FOSSE_WRITE_MANUAL=1");
    }
}

#[test]
fn every_limit_has_a_reason() {
    let bare = all(&files()).into_iter().filter(|limit| limit.reason.is_empty());
    none("limits without a reason", &bare.map(|limit| format!("{} {}", limit.place, limit.name)).collect::<Vec<_>>());
}

#[test]
fn every_event_of_the_code_stands_in_the_page_of_the_log() {
    let page = events(&read("man/fosse-log.5"));
    let files = files();
    let sources = || files.iter().filter(|file| file.is_source());
    let mut unknown = Vec::new();
    let mut known = Vec::new();
    for file in sources() {
        for event in events(file.without_tests()) {
            if !page.contains(&event) {
                unknown.push(format!("{event} ({})", file.path));
            }
            known.push(event);
        }
    }
    none("events that man/fosse-log.5 does not know", &unknown);
    // An event whose word is put together stands in the source as a string of its own.
    let written = |event: &str| sources().any(|file| file.text.contains(&format!("\"{event}\"")));
    let gone = page.into_iter().filter(|event| !known.contains(event) && !written(event));
    none("events that no program writes", &gone.collect::<Vec<_>>());
}

#[test]
fn every_page_of_a_program_says_how_it_ends() {
    let mut wrong = Vec::new();
    for name in directories("bins") {
        let path = if name == "fosse" { "man/fosse.1".to_owned() } else { format!("man/fosse-{name}.8") };
        let page = read(&path);
        let section =
            page.split(".Sh EXIT STATUS").nth(1).and_then(|rest| rest.split("\n.Sh ").next()).unwrap_or_default();
        for code in ["100", "111"] {
            if !section.contains(code) {
                wrong.push(format!("{path}: exit status {code}"));
            }
        }
    }
    none("exit status", &wrong);
}

#[test]
fn every_word_of_a_usage_line_stands_in_its_manual_page() {
    let mut wrong = Vec::new();
    for name in directories("bins").into_iter().filter(|name| name != "fosse") {
        let page = read(&format!("man/fosse-{name}.8"));
        let prefix = format!("bins/{name}/src/");
        let files = files();
        let source: String =
            files.iter().filter(|file| file.path.starts_with(&prefix)).map(|file| file.without_tests()).collect();
        let usage = source.split("USAGE: &str =").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or_default();
        for flag in fosse_tidy::source::words_after(usage, "--", |c| c.is_ascii_lowercase() || c == '-') {
            if !page.contains(&format!("-{flag}")) {
                wrong.push(format!("fosse-{name}: --{flag}"));
            }
        }
    }
    none("options without a word in the manual", &wrong);
}

#[test]
fn every_page_fits_a_terminal_of_80_columns() {
    let mut wide = Vec::new();
    for file in files().iter().filter(|file| file.path.starts_with("man/")) {
        let Ok(shown) = Command::new("mandoc").args(["-T", "utf8"]).arg(top().join(&file.path)).output() else {
            println!("skipped: no mandoc here");
            return;
        };
        // Bold and underlined letters are struck over: letter, backspace, letter.
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let columns = |line: &str| line.chars().count() - 2 * line.chars().filter(|c| *c == '\u{8}').count();
        wide.extend(text.lines().filter(|line| columns(line) > 80).map(|line| format!("{}: {line}", file.path)));
    }
    none("lines beyond column 80", &wide);
}
