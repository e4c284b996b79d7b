//! The Core Rule Set's own regression tests, in process: those in ../shared/corpora/crs4 beside the
//! repository.

use fosse_ftw::{Runner, Test, read};
use fosse_seclang::{Bundle, Diagnostic, Now, Ruleset};
use std::path::{Path, PathBuf};

/// Tests that do not hold, each with the reason.
const EXPECTED_FAILURES: &[(&str, &str)] = &[
    // The test wants two Content-Type headers to be one, as httpd makes them; here duplicates stay
    // separate, and the rule that is written against them matches.
    ("920620-1", "rule 920620 matched"),
];

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/corpora/crs4");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: no rule set at {}", path.display());
    None
}

type Compile = fn(&Bundle, &str) -> Result<Ruleset, Vec<Diagnostic>>;

fn load(corpus: &Path, compile: Compile) -> Ruleset {
    let mut bundle = Bundle::new();
    for entry in std::fs::read_dir(corpus.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        bundle.insert(&format!("rules/{}", path.file_name().unwrap().to_string_lossy()), std::fs::read(&path).unwrap());
    }
    bundle.insert("crs-setup.conf", std::fs::read(corpus.join("crs-setup.conf.example")).unwrap());
    bundle.insert("modsecurity.conf", include_str!("../examples/crs4/modsecurity.conf"));
    bundle.insert("main.conf", include_str!("../examples/crs4/main.conf"));
    compile(&bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn tests(directory: &Path, found: &mut Vec<Test>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().map(|kind| kind.to_string_lossy().into_owned());
        if path.is_dir() {
            tests(&path, found);
        } else if matches!(kind.as_deref(), Some("yaml" | "yml")) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
}

#[test]
fn the_core_rule_set_passes_its_own_tests_with_and_without_gates() {
    let Some(corpus) = corpus() else { return };
    let mut all = Vec::new();
    tests(&corpus.join("regression/tests"), &mut all);
    assert!(all.len() > 5000, "{}", all.len());
    let (gated, open) = (load(&corpus, Ruleset::compile), load(&corpus, Ruleset::compile_ungated));
    let now = Now { seconds: 1_700_000_000, elapsed_micros: 0 };
    let (mut gated, mut open) = (Runner::new(&gated, now), Runner::new(&open, now));
    let mut failures = Vec::new();
    for (at, test) in all.iter().enumerate() {
        let name = format!("{}-{}", test.rule, test.number);
        let result = gated.test(test);
        // Evaluating every rule on every value takes its time: every eighth test says enough.
        if at % 8 == 0 {
            assert_eq!(result.log, open.test(test).log, "{name}: the gates change what is logged");
        }
        failures.extend(result.failures.iter().map(|failure| (name.clone(), failure.to_string())));
    }
    let expected: Vec<_> =
        EXPECTED_FAILURES.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect();
    assert_eq!(failures, expected);
}
