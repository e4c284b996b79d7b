//! Tests run against a rule set.

use crate::backend::reflect;
use crate::check::{Failure, Observation, check};
use crate::file::{Stage, Test};
use crate::wire::{Parsed, parse};
use fosse_seclang::{Arena, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};
use std::net::{IpAddr, Ipv4Addr};

/// The number of tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Score {
    /// Tests of which all held.
    pub passed: usize,
    /// Tests of which something did not hold.
    pub failed: usize,
}

impl std::fmt::Display for Score {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The result of one test.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The expectations that did not hold; empty if the test passed.
    pub failures: Vec<Failure>,
    /// The log of its last stage.
    pub log: Vec<u8>,
}

/// Runs tests, one after the other, with the memory of the one before.
pub struct Runner<'r> {
    rules: &'r Ruleset,
    scratch: Scratch,
    arena: Option<Arena>,
    now: Now,
}

/// Clients of the tests are on this host.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The engine's results for a request and its response.
#[derive(Clone, Debug, Default)]
struct Observed {
    status: u16,
    ids: Vec<u32>,
    log: Vec<u8>,
    response: Vec<u8>,
}

impl<'r> Runner<'r> {
    /// Creates a runner for a rule set; `now` is the time its rules see.
    pub fn new(rules: &'r Ruleset, now: Now) -> Self {
        Self { rules, scratch: Scratch::default(), arena: None, now }
    }

    /// Runs a test.
    pub fn test(&mut self, test: &Test) -> TestResult {
        let mut result = TestResult { failures: Vec::new(), log: Vec::new() };
        for stage in &test.stages {
            let (failures, log) = self.stage(stage);
            result.failures.extend(failures);
            result.log = log;
        }
        result
    }

    fn stage(&mut self, stage: &Stage) -> (Vec<Failure>, Vec<u8>) {
        let observed = self.request(&parse(&crate::request::build(&stage.input)));
        let observation = Observation {
            status: observed.status,
            ids: &observed.ids,
            log: &observed.log,
            response: &observed.response,
        };
        let failures = check(&stage.output, &observation);
        (failures, observed.log)
    }

    fn request(&mut self, request: &Parsed) -> Observed {
        if request.malformed {
            return Observed { status: 400, ..Observed::default() };
        }
        let mut transaction = Transaction::new(self.rules, self.arena.take().unwrap_or_default(), self.now);
        let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
        let mut env = Environment { scratch: &mut self.scratch, schedule: &mut schedule, store: &mut store };
        let mut observed = Observed { status: 200, ..Observed::default() };
        let verdict = through(&mut transaction, request, &mut observed, &mut env);
        if let Some(Outcome::Deny { status, .. } | Outcome::Redirect { status, .. }) = verdict {
            observed.status = status;
        }
        transaction.phase5(&mut env);
        // A server that takes no such request responds so, whatever the rules say of it.
        if request.refused {
            observed.status = 400;
        }
        observe(&transaction, &mut observed);
        self.arena = Some(transaction.finish());
        observed
    }
}

/// Phases 1 to 4, with the backend between; the outcome that ended them early.
fn through(
    transaction: &mut Transaction<'_>,
    request: &Parsed,
    observed: &mut Observed,
    env: &mut Environment<'_>,
) -> Option<Outcome> {
    let denied = |outcome: Outcome| (outcome != Outcome::Continue).then_some(outcome);
    transaction.connection(LOCAL, 40_000, LOCAL, 80);
    transaction.unique_id(b"aSsf2cQZyqY6c8JqhsBB0wAAAAA");
    transaction.request_line(&request.line, &request.method, &request.uri, &request.version);
    for (name, value) in &request.headers {
        transaction.header(name, value);
    }
    if let Some(outcome) = denied(transaction.phase1(env)) {
        return Some(outcome);
    }
    transaction.request_body(&request.body);
    if let Some(outcome) = denied(transaction.phase2(env)) {
        return Some(outcome);
    }
    let reply = reflect(&request.method, &request.uri, &request.body);
    observed.status = reply.status;
    observed.response.clone_from(&reply.body);
    transaction.response(reply.status, b"HTTP/1.1");
    for (name, value) in &reply.headers {
        transaction.response_header(name, value);
    }
    if let Some(outcome) = denied(transaction.phase3(env)) {
        return Some(outcome);
    }
    transaction.response_body(&reply.body);
    denied(transaction.phase4(env))
}

fn observe(transaction: &Transaction<'_>, observed: &mut Observed) {
    if let Some(error) = transaction.body_error() {
        observed.log.extend_from_slice(error.as_bytes());
        observed.log.push(b'\n');
    }
    for found in transaction.matches().filter(fosse_seclang::Match::is_logged) {
        observed.ids.push(found.id());
        observed.log.extend_from_slice(&found.log_line());
        observed.log.push(b'\n');
    }
}
