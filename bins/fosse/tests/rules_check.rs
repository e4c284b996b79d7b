//! `fosse rules check`: which rules it is about.

use fosse_harness::{Dir, fosse};

#[test]
fn rules_are_named_by_a_word_or_by_the_flag() {
    let dir = Dir::new();
    let path = dir.join("own.conf").to_string_lossy().into_owned();
    std::fs::write(&path, "SecRule ARGS \"@contains foo\" \"id:1,phase:2,deny\"\n").unwrap();
    for words in [&["rules", "check", &path][..], &["rules", "check", "--rules", &path]] {
        let output = fosse(words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains("rules     1\n"), "{words:?}: {said}");
    }
    let absent = fosse(&["rules", "check", "--rules", "/nonexistent.conf"]);
    assert_eq!(absent.status.code(), Some(100));
}
