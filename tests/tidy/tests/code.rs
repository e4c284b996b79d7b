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
    let elsewhere = rust().into_iter().filter(|file| !file.path.starts_with("common/process/sys/"));
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

/// A file above this is more than one idea, or says in a comment that begins with `Long:` why it is not.
const FILE_LINES_MAX: usize = 400;

#[test]
fn a_long_file_argues() {
    // A list of cases is as long as there are cases.
    let is_list = |file: &File| file.path.contains("/tests/") && !file.path.contains("/src/");
    let long = |file: &File| !is_list(file) && file.text.lines().count() > FILE_LINES_MAX;
    let argues = |file: &File| file.text.lines().any(|line| line.trim_start().starts_with("// Long: "));
    let found = rust().into_iter().filter(|file| long(file) && !argues(file));
    none(
        "files without a reason",
        &found.map(|f| format!("{} {}", f.text.lines().count(), f.path)).collect::<Vec<_>>(),
    );
}

/// A function above this argues, in a comment that begins with `Long:` in or before it.
const FUNCTION_LINES_MAX: usize = 40;

#[test]
fn a_long_function_argues() {
    let mut found = Vec::new();
    for file in rust().iter().filter(|file| file.is_source()) {
        let lines: Vec<&str> = file.without_tests().lines().collect();
        let mut begun: Option<(usize, String)> = None;
        for (at, line) in lines.iter().enumerate() {
            let indent: String = line.chars().take_while(|c| *c == ' ').collect();
            let head = line.trim_start();
            let is_function = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "const fn ", "pub const fn "];
            if begun.is_none() && is_function.iter().any(|start| head.starts_with(start)) && !head.ends_with('}') {
                begun = Some((at, indent));
            } else if let Some((from, indent)) = begun.take_if(|(_, indent)| *line == format!("{indent}}}")) {
                let _ = indent;
                let before = from.saturating_sub(6);
                let argues = lines.get(before..=at).is_some_and(|l| l.iter().any(|l| l.contains("// Long: ")));
                if at.saturating_sub(from) > FUNCTION_LINES_MAX && !argues {
                    found.push(format!("{}:{} {} lines", file.path, from + 1, at - from));
                }
            }
        }
    }
    none("functions without a reason", &found);
}

#[test]
fn a_promise_stands_in_some_tests_first_line() {
    let promises = ["E1", "E2", "E3", "E4", "E5", "E6", "E8", "E9", "E10", "E12", "E13", "P1", "P2", "P3", "P4"];
    let first_lines: Vec<String> =
        rust().iter().filter_map(|file| file.text.lines().next()?.strip_prefix("//! ").map(str::to_owned)).collect();
    let named = |promise: &&str| {
        let is = |word: &str| word.trim_matches([',', ':', ';', '(', ')', '.']) == *promise;
        first_lines.iter().any(|line| line.split(' ').any(is))
    };
    let missing: Vec<String> = promises.iter().filter(|p| !named(p)).map(|p| (*p).to_owned()).collect();
    none("promises without a test", &missing);
}
