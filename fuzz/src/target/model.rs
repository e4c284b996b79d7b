//! Entry for fuzzing: any bytes are read or refused, and a refusal names a place inside the file.

/// Reads `data` as a configuration.
///
/// # Panics
/// When an invariant is broken: a finding.
pub fn configuration(data: &[u8]) {
    let Err(report) = fosse_model::read("fuzz.toml", data) else { return };
    assert!(!report.problems().is_empty(), "a refusal gives a reason");
    assert!(report.problems().len() <= fosse_model::PROBLEMS_SHOWN_MAX, "a refusal fits a screen");
    let lines = String::from_utf8_lossy(data).matches('\n').count() + 1;
    for problem in report.problems() {
        assert!((1..=lines).contains(&problem.line), "line {} of {lines}", problem.line);
        assert!(problem.column >= 1, "columns count from 1");
        assert!(!problem.what.is_empty(), "a problem says what it is");
    }
    let printed = report.to_string();
    assert!(printed.chars().all(|one| one == '\n' || !one.is_control()), "nothing odd reaches the terminal");
}
