//! bash completes what the table says, and names of files as they are.

use std::process::Command;

use fosse_harness::Dir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/completions/bash/fosse");

/// Candidates for the last of these words, in a directory with two files.
fn completed(words: &[&str]) -> Vec<String> {
    let dir = Dir::new();
    for name in ["my edge.toml", "rules.conf"] {
        std::fs::write(dir.join(name), "").unwrap();
    }
    let script = "script=$1; shift; . \"$script\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _fosse; \
        [ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.current_dir(dir.path()).args(["-c", script, "bash", SCRIPT, "fosse"]).args(words);
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn commands_and_those_below_them_are_completed() {
    assert_eq!(completed(&["ch"]), ["check"]);
    assert_eq!(completed(&["rules", "ch"]), ["check"]);
    assert_eq!(completed(&["rules", ""]), ["check", "explain", "test", "bench", "from"]);
    assert_eq!(completed(&["rules", "explain", "--para"]), ["--paranoia"]);
    assert_eq!(completed(&["up", "--waf", "d"]), ["detect"]);
    assert_eq!(completed(&["help", "rel"]), ["reload"]);
}

#[test]
fn a_file_with_a_blank_is_one_candidate() {
    for words in [&["check", "my"][..], &["up", "--config", "my"], &["rules", "check", "my"]] {
        assert_eq!(completed(words), ["my edge.toml"], "{words:?}");
    }
    assert_eq!(completed(&["rules", "check", "r"]), ["rules.conf"]);
}
