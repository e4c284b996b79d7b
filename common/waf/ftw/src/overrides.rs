//! Overrides: the results in which a server rightly differs from what tests expect, in files of
//! go-ftw's format.

use crate::file::{Expectation, Test, documents, get, list, number, output, text};

/// Other expectations for some tests of a rule.
#[derive(Clone, Debug, Default)]
pub struct Override {
    /// The rule.
    pub rule: u32,
    /// The tests.
    pub numbers: Vec<u32>,
    /// The reason the server is right.
    pub reason: String,
    /// The result expected of every stage instead.
    pub output: Expectation,
}

/// Reads a file of overrides. The error is for people.
pub fn read_overrides(text: &str) -> Result<Vec<Override>, String> {
    let mut overrides = Vec::new();
    for document in &documents(text)? {
        for entry in list(get(document, "test_overrides")) {
            overrides.push(one(entry)?);
        }
    }
    Ok(overrides)
}

fn one(entry: &saphyr::Yaml<'_>) -> Result<Override, String> {
    let rule = number(get(entry, "rule_id")).ok_or("an override without rule_id")?;
    let numbers: Vec<u32> = list(get(entry, "test_ids")).iter().filter_map(|id| number(Some(id))).collect();
    let reason = text(get(entry, "reason")).unwrap_or_default();
    match (numbers.is_empty(), reason.trim().is_empty(), get(entry, "output")) {
        (false, false, Some(expected)) => Ok(Override { rule, numbers, reason, output: output(expected) }),
        _ => Err(format!("the override of {rule} lacks test_ids, reason or output")),
    }
}

/// Puts overrides in the place of what tests expect, and gives back what they expected: for each
/// test, by its place, or nothing.
///
/// # Errors
/// An override of a test that is not there, for people.
pub fn apply(overrides: &[Override], tests: &mut [Test]) -> Result<Vec<Option<Test>>, String> {
    let mut before: Vec<Option<Test>> = vec![None; tests.len()];
    for one in overrides {
        for wanted in &one.numbers {
            let place = tests.iter().position(|test| test.rule == one.rule && test.number == *wanted);
            let found = place.and_then(|at| Some((tests.get_mut(at)?, before.get_mut(at)?)));
            let Some((test, before)) = found else {
                return Err(format!("an override of {}-{wanted}, which is no test", one.rule));
            };
            before.get_or_insert_with(|| test.clone());
            for stage in &mut test.stages {
                stage.output = one.output.clone();
            }
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "rule_id: 7\ntests:\n  - test_id: 1\n    stages:\n      - output: {log: {expect_ids: [7]}}\n  - test_id: 2\n    \
        stages:\n      - output: {log: {expect_ids: [7]}}\n";

    #[test]
    fn an_override_takes_the_place_of_the_whole_expectation() {
        let overrides = read_overrides(
            "test_overrides:\n  - rule_id: 7\n    test_ids: [2]\n    reason: no HTTP\n    output:\n      status: 400\n",
        );
        let mut tests = crate::read(TESTS).unwrap();
        let before = apply(&overrides.unwrap(), &mut tests).unwrap();
        assert_eq!((tests[0].stages[0].output.status, &tests[0].stages[0].output.expect_ids), (None, &vec![7]));
        assert_eq!((tests[1].stages[0].output.status, tests[1].stages[0].output.expect_ids.len()), (Some(400), 0));
        assert!(before[0].is_none());
        assert_eq!(before[1].as_ref().unwrap().stages[0].output.expect_ids, [7]);
    }

    #[test]
    fn an_override_names_a_test_and_a_reason() {
        let without = "test_overrides:\n  - rule_id: 7\n    test_ids: [2]\n    output:\n      status: 400\n";
        assert!(read_overrides(without).unwrap_err().contains("reason"));
        let overrides = [Override { rule: 7, numbers: vec![9], ..Override::default() }];
        assert!(apply(&overrides, &mut crate::read(TESTS).unwrap()).unwrap_err().contains("7-9"));
    }
}
