//! Runs the Core Rule Set's own regression tests: `crs4 CORPUS [RULE[-TEST]]`, where CORPUS holds
//! rules/, crs-setup.conf.example and regression/tests/. Prints each failing test with its reason;
//! the last line is the score.

use fosse_ftw::{Runner, Score, read};
use fosse_seclang::{Bundle, Now, Ruleset};
use std::path::{Path, PathBuf};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let corpus = PathBuf::from(arguments.next().unwrap_or_else(|| "../shared/corpora/crs4".into()));
    let wanted = arguments.next();
    let started = std::time::Instant::now();
    let rules = load(&corpus);
    eprintln!("{} rules compiled in {} ms", rules.len(), started.elapsed().as_millis());
    let mut runner = Runner::new(&rules, Now { seconds: 1_700_000_000, elapsed_micros: 0 });
    let mut score = Score::default();
    let started = std::time::Instant::now();
    for file in files(&corpus.join("regression/tests")) {
        let text = std::fs::read_to_string(&file).expect("a test file");
        let tests = read(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for test in tests {
            let name = format!("{}-{}", test.rule, test.number);
            if wanted.as_ref().is_some_and(|wanted| *wanted != name && *wanted != test.rule.to_string()) {
                continue;
            }
            let result = runner.test(&test);
            if result.failures.is_empty() {
                score.passed += 1;
            } else {
                score.failed += 1;
                let reasons: Vec<String> = result.failures.iter().map(ToString::to_string).collect();
                println!("{name}: {}", reasons.join("; "));
            }
            if wanted.is_some() {
                println!("{}", String::from_utf8_lossy(&result.log));
            }
        }
    }
    eprintln!("in {} ms", started.elapsed().as_millis());
    println!("{score}");
}

/// The rules as the corpus's own tests set them up.
fn load(corpus: &Path) -> Ruleset {
    let mut bundle = Bundle::new();
    for file in files(&corpus.join("rules")) {
        let name = format!("rules/{}", file.file_name().unwrap().to_string_lossy());
        bundle.insert(&name, std::fs::read(&file).unwrap());
    }
    bundle.insert("crs-setup.conf", std::fs::read(corpus.join("crs-setup.conf.example")).unwrap());
    bundle.insert("modsecurity.conf", include_str!("crs4/modsecurity.conf"));
    bundle.insert("main.conf", include_str!("crs4/main.conf"));
    Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| {
        errors.iter().for_each(|error| eprintln!("{error}"));
        std::process::exit(1);
    })
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !directory.ends_with("rules") && path.extension().is_none_or(|kind| kind != "yaml" && kind != "yml") {
            continue;
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
