//! Compares the result of a stage with what the test expects.

use crate::file::Expectation;
use fosse_pattern::{Regex, Scratch};
use std::fmt;

/// One thing that is not as expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The status: expected, found.
    Status(u16, u16),
    /// A rule that should be in the log.
    Missing(u32),
    /// A rule that should not be in the log.
    Unwanted(u32),
    /// A pattern the log should match.
    LogLacks(String),
    /// A pattern the log should not match.
    LogHas(String),
    /// A pattern the response's body should match.
    ResponseLacks(String),
    /// A pattern in the test that cannot be compiled.
    BadPattern(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Status(expected, found) => write!(out, "status {found}, expected {expected}"),
            Failure::Missing(id) => write!(out, "rule {id} did not match"),
            Failure::Unwanted(id) => write!(out, "rule {id} matched"),
            Failure::LogLacks(pattern) => write!(out, "the log does not match {pattern}"),
            Failure::LogHas(pattern) => write!(out, "the log matches {pattern}"),
            Failure::ResponseLacks(pattern) => write!(out, "the response does not match {pattern}"),
            Failure::BadPattern(pattern) => write!(out, "this pattern of the test is not understood: {pattern}"),
        }
    }
}

/// The result of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'h> {
    /// The response's status.
    pub status: u16,
    /// Rules that were logged.
    pub ids: &'h [u32],
    /// The log's lines.
    pub log: &'h [u8],
    /// The response's body, or all of it.
    pub response: &'h [u8],
}

/// Returns everything that is not as expected.
pub fn check(expected: &Expectation, observation: &Observation<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    if let Some(status) = expected.status.filter(|status| *status != observation.status) {
        failures.push(Failure::Status(status, observation.status));
    }
    let missing = expected.expect_ids.iter().filter(|id| !observation.ids.contains(id));
    failures.extend(missing.map(|id| Failure::Missing(*id)));
    let unwanted = expected.no_expect_ids.iter().filter(|id| observation.ids.contains(id));
    failures.extend(unwanted.map(|id| Failure::Unwanted(*id)));
    let mut scratch = Scratch::new();
    let mut matches = |pattern: &String, text: &[u8]| match Regex::new(pattern) {
        Ok(regex) => Ok(regex.is_match(text, &mut scratch).unwrap_or(false)),
        Err(_) => Err(Failure::BadPattern(pattern.clone())),
    };
    for pattern in &expected.log_contains {
        match matches(pattern, observation.log) {
            Ok(true) => {}
            Ok(false) => failures.push(Failure::LogLacks(pattern.clone())),
            Err(failure) => failures.push(failure),
        }
    }
    for pattern in &expected.no_log_contains {
        match matches(pattern, observation.log) {
            Ok(false) => {}
            Ok(true) => failures.push(Failure::LogHas(pattern.clone())),
            Err(failure) => failures.push(failure),
        }
    }
    if let Some(pattern) = &expected.response_contains {
        match matches(pattern, observation.response) {
            Ok(true) => {}
            Ok(false) => failures.push(Failure::ResponseLacks(pattern.clone())),
            Err(failure) => failures.push(failure),
        }
    }
    failures
}
