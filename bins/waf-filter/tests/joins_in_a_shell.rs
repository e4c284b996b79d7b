//! In a shell the filter has the rules that a site has which names none, or those a person names,
//! and reads no other file.

use std::process::{Command, Output};

use fosse_harness::{Dir, programs};

/// What becomes of a request in a pipeline whose filter has these options.
fn filtered(target: &str, options: &str) -> Output {
    let pipeline = format!(
        "printf 'GET {target} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | fosse-parse --stdin | fosse-waf-filter {options} | fosse-frames"
    );
    let path = format!("{}:/usr/bin:/bin", programs().display());
    Command::new("bash").args(["-o", "pipefail", "-c", &pipeline]).env("PATH", path).output().unwrap()
}

fn shown(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // 1 where a request is denied, so that a script can ask for no more.
    let expected = i32::from(said.contains("VERDICT "));
    assert_eq!(output.status.code(), Some(expected), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

const INJECTION: &str = "/?q=1+UNION+SELECT+password+FROM+users";

#[test]
fn without_a_word_it_has_the_rules_of_a_site_that_names_none() {
    let denied = shown(&filtered(INJECTION, ""));
    assert!(denied.contains("VERDICT 403 Rule") && !denied.contains("REQUEST "), "{denied}");
    assert_eq!(denied, shown(&filtered(INJECTION, "--rules builtin")));
    assert!(shown(&filtered("/?q=union", "")).contains("REQUEST GET "));
}

#[test]
fn without_rules_only_the_checks_of_the_protocol_remain() {
    assert!(shown(&filtered(INJECTION, "--rules none")).contains("REQUEST GET "));
    assert!(shown(&filtered("/%%00", "--rules none")).contains("VERDICT 400 Protocol"));
}

#[test]
fn a_file_is_read_with_what_it_names_and_its_siblings_are_not() {
    let dir = Dir::new();
    std::fs::write(dir.join("own.conf"), "Include deep/more.conf\n").unwrap();
    std::fs::create_dir(dir.join("deep")).unwrap();
    std::fs::write(dir.join("deep/more.conf"), "SecRule ARGS \"@pmFromFile words\" \"id:1,phase:1,deny\"\n").unwrap();
    std::fs::write(dir.join("deep/words"), "foo\n").unwrap();
    // Whoever walks the directory stumbles over it.
    std::os::unix::fs::symlink(dir.join("loop"), dir.join("loop")).unwrap();
    std::fs::write(dir.join("sibling.conf"), "SecRule\n").unwrap();
    let own = format!("--rules {}", dir.join("own.conf").display());
    assert!(shown(&filtered("/?q=foo", &own)).contains("VERDICT 403 Rule, site 0, rule 1"));
    assert!(shown(&filtered("/?q=bar", &own)).contains("REQUEST GET "));
    // The directory means all its files, the wrong one too.
    let all = filtered("/?q=foo", &format!("--rules {}", dir.path().display()));
    assert!(!all.status.success() && String::from_utf8_lossy(&all.stderr).contains("sibling.conf:1"), "{all:?}");
}

#[test]
fn a_file_that_is_not_there_is_named_and_nothing_else_is_looked_at() {
    let output = filtered("/", "--rules /nonexistent.conf");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("/nonexistent.conf: there is no such file"), "{said}");
    assert!(!output.status.success() && !said.contains("/proc"), "{said}");
}
