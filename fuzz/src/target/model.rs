//! Entries for fuzzing: any bytes are read or refused, and a refusal names a place inside its file.

use fosse_model::{Environment, PROBLEMS_SHOWN_MAX, Report, Source, Sources};

/// Reads `data` as a configuration.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn configuration(data: &[u8]) {
    if let Err(report) = fosse_model::read("fuzz.toml", data) {
        check(&report, &[data]);
    }
}

/// Reads `data` as a configuration and the files that it includes, with a NUL between two of them.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn sources(data: &[u8]) {
    let files: Vec<&[u8]> = data.split(|byte| *byte == 0).collect();
    let names: Vec<String> = (0..files.len()).map(|number| number.to_string()).collect();
    let environment = Environment::of_block(b"ONE=1\0HOST=a.example\0ODD=\xff\0");
    let mut all = files.iter().zip(&names).map(|(bytes, name)| Source { name, bytes });
    let Some(main) = all.next() else { return };
    if let Err(report) = fosse_model::includes(main, &environment) {
        check(&report, &files);
    }
    if let Err(report) =
        fosse_model::read_sources(&Sources { main, included: all.collect(), environment: &environment })
    {
        check(&report, &files);
    }
}

/// Checks that a refusal has reasons, each at a place in one of `files`: the file called by its
/// number, or the only one.
fn check(report: &Report, files: &[&[u8]]) {
    assert!(!report.problems().is_empty(), "a refusal gives a reason");
    assert!(report.problems().len() <= PROBLEMS_SHOWN_MAX, "a refusal fits a screen");
    for problem in report.problems() {
        let file = files[problem.file.parse().unwrap_or(0)];
        let lines = String::from_utf8_lossy(file).matches('\n').count() + 1;
        assert!((1..=lines).contains(&problem.line), "line {} of {lines}", problem.line);
        assert!(problem.column >= 1, "columns count from 1");
        assert!(!problem.what.is_empty(), "a problem says what it is");
    }
    let printed = report.to_string();
    assert!(printed.chars().all(|one| one == '\n' || !one.is_control()), "nothing odd reaches the terminal");
}
