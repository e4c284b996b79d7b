//! The Core Rule Set's own tests hold through the whole edge: real sockets, every program under its
//! lock.

mod reflect;

use std::path::{Path, PathBuf};

use fosse_harness::{Dir, Edge, fosse};

/// Overrides at most; each is a request that RFC 9112 or RFC 9110 has parse refuse before a rule
/// can see it.
const OVERRIDES_MAX: usize = 40;

/// What is expected otherwise.
const OVERRIDES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/core_rule_set.yaml");

/// The settings of the tests, between their setup file and the rules. The first rule logs the
/// markers between tests.
const SET_UP: &str = r#"
SecRule REQUEST_HEADERS:X-CRS-Test "@rx ^.*$" "id:999999,phase:1,pass,t:none,log,msg:'X-CRS-Test %{MATCHED_VAR}',ctl:ruleRemoveById=1-999998"
SecAction "id:900005,phase:1,nolog,pass,t:none,setvar:tx.blocking_paranoia_level=4,setvar:tx.detection_paranoia_level=4,\
  setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=6400,\
  setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
"#;

fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/crs4");
    let found = path.join("rules").is_dir();
    if !found {
        println!("skipped: no Core Rule Set at {}", path.display());
    }
    found.then_some(path)
}

/// A directory as a host has it: the rules as they are published, and a file of its own beside
/// them.
fn host(corpus: &Path) -> Dir {
    let own = Dir::new();
    std::fs::write(own.join("tests.conf"), SET_UP).unwrap();
    std::fs::copy(corpus.join("crs-setup.conf.example"), own.join("crs-setup.conf")).unwrap();
    std::fs::create_dir(own.join("rules")).unwrap();
    for entry in std::fs::read_dir(corpus.join("rules")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, own.join("rules").join(path.file_name().unwrap())).unwrap();
    }
    own
}

#[test]
fn the_core_rule_set_passes_its_own_tests_through_the_edge() {
    let Some(corpus) = corpus() else { return };
    let ((backend, _dir), own) = (reflect::start(), host(&corpus));
    let (rules, log) = (own.path().to_string_lossy(), own.join("audit.json").to_string_lossy().into_owned());
    let flags = ["--lanes", "1", "--waf", "detect", "--inspect-responses", "--rules", &rules, "--audit-log", &log];
    let edge = Edge::up(&backend, &flags);
    let (url, tests) = (format!("http://{}", edge.address()), corpus.join("regression/tests"));
    let tests = tests.to_string_lossy();
    let output = fosse(&["rules", "test", &tests, "--url", &url, "--log", &log, "--overrides", OVERRIDES]);
    let (text, trouble) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let score = text.lines().last().unwrap_or_default();
    let passed: usize = score.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(score.ends_with(" passed, 0 failed") && passed > 5000, "{text}{trouble}");
    println!("{score}");
}

#[test]
fn what_is_expected_otherwise_is_little_and_has_a_rule_of_the_protocol_for_it() {
    let overrides = fosse_ftw::read_overrides(&std::fs::read_to_string(OVERRIDES).unwrap()).unwrap();
    assert!(overrides.iter().map(|one| one.numbers.len()).sum::<usize>() <= OVERRIDES_MAX);
    for one in overrides {
        assert!(one.reason.starts_with("RFC 911"), "{}: {}", one.rule, one.reason);
        assert!(one.output.status.is_some_and(|status| matches!(status, 400 | 501 | 505)), "{}", one.rule);
    }
}
