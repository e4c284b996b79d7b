//! `fosse rules test`: test files in the format of go-ftw, run in this process or against a server.

use std::path::{Path, PathBuf};

use fosse_args::Args;
use fosse_die::{fatal, temporary, usage};
use fosse_ftw::{Failure, Runner, Score, Test, apply, read, read_overrides};
use fosse_seclang::Ruleset;

use super::source::Source;
use super::{evaluate::now, url::Server};
use crate::PROGRAM;
use crate::output::print;

/// The settings that the Core Rule Set's own tests want: everything on, nothing denied.
const SET_UP: &str = "SecResponseBodyAccess On\nSecResponseBodyMimeType text/plain text/html text/xml application/json\n\
    SecResponseBodyLimitAction ProcessPartial\nSecRequestBodyNoFilesLimit 131072\n\
    SecAction \"id:99000001,phase:1,nolog,pass,t:none,ctl:ruleEngine=DetectionOnly,setvar:tx.blocking_paranoia_level=4,\
    setvar:tx.detection_paranoia_level=4,setvar:tx.paranoia_level=4,setvar:tx.executing_paranoia_level=4,\
    setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=6400,\
    setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535\"";

/// Runs the tests; returns 1 where one failed.
pub(crate) fn run(words: &Args) -> i32 {
    let path = words.positional(0).unwrap_or_default();
    let mut files = Vec::new();
    collect(Path::new(path), &mut files);
    let mut tests: Vec<Test> = files.iter().flat_map(|file| of_file(file)).collect();
    if tests.is_empty() {
        fatal(PROGRAM, format_args!("{path}: no test in it (files of go-ftw end in .yaml or .yml)"));
    }
    let before = overridden(words.value("--overrides"), &mut tests);
    let rules = words.values("--rules");
    let score = match words.value("--url") {
        None if rules.is_empty() => usage(PROGRAM, "rules test needs --rules PATH, or --url URL"),
        None => here(&rules_of(rules), &tests, &before),
        Some(url) => {
            // The server has them; compiled here they end the program where they are wrong, before
            // all tests fail for that.
            if !rules.is_empty() {
                drop(rules_of(rules));
            }
            there(url, words.value("--log"), &tests, &before)
        }
    };
    print(&format!("{score}\n"));
    i32::from(score.failed > 0)
}

fn rules_of(paths: &[String]) -> Ruleset {
    let source = Source::of(paths);
    let ours = if source.is_core_rule_set() { SET_UP } else { "" };
    source.compile(ours)
}

/// Applies the overrides of a file; returns each test that one changed as it was before.
fn overridden(path: Option<&str>, tests: &mut [Test]) -> Vec<Option<Test>> {
    let Some(path) = path else { return vec![None; tests.len()] };
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let read = text.and_then(|text| apply(&read_overrides(&text)?, tests));
    read.unwrap_or_else(|why| fatal(PROGRAM, format_args!("{path}: {why}")))
}

fn here(rules: &Ruleset, tests: &[Test], before: &[Option<Test>]) -> Score {
    let mut runner = Runner::new(rules, now());
    counted(tests, before, |test, before| {
        let then = before.map(|before| runner.test(before).failures).unwrap_or_default();
        (runner.test(test).failures, then)
    })
}

fn there(url: &str, log: Option<&str>, tests: &[Test], before: &[Option<Test>]) -> Score {
    let mut server = Server::of(url, log).unwrap_or_else(|why| temporary(PROGRAM, why));
    counted(tests, before, |test, before| server.test(test, before).unwrap_or_else(|why| temporary(PROGRAM, why)))
}

/// Runs tests. A test that would hold without its override has failed: the override is not needed.
fn counted(
    tests: &[Test],
    before: &[Option<Test>],
    mut run: impl FnMut(&Test, Option<&Test>) -> (Vec<Failure>, Vec<Failure>),
) -> Score {
    let mut score = Score::default();
    for (test, before) in tests.iter().zip(before) {
        let (failures, without) = run(test, before.as_ref());
        let idle = before.is_some() && without.is_empty();
        if failures.is_empty() && !idle {
            score.passed += 1;
            continue;
        }
        score.failed += 1;
        let mut reasons: Vec<String> = failures.iter().map(ToString::to_string).collect();
        reasons.extend(idle.then(|| "it holds without its override".to_owned()));
        print(&format!("{}-{}: {}\n", test.rule, test.number, reasons.join("; ")));
    }
    score
}

fn of_file(path: &Path) -> Vec<Test> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    text.and_then(|text| read(&text)).unwrap_or_else(|why| fatal(PROGRAM, format_args!("{}: {why}", path.display())))
}

/// Collects the test files of a directory and those below it, in order.
fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if !path.is_dir() {
        return found.push(path.to_path_buf());
    }
    let entries =
        std::fs::read_dir(path).unwrap_or_else(|error| fatal(PROGRAM, format_args!("{}: {error}", path.display())));
    let mut below: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    below.sort();
    for path in below {
        let is_test = path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml");
        if path.is_dir() || is_test {
            collect(&path, found);
        }
    }
}
