//! What a backend has seen.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// Findings that are kept: one would do.
const FINDINGS_MAX: usize = 20;

/// Counts and findings of all connections.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Requests that came whole.
    pub(super) requests: AtomicU64,
    /// Requests that were cut within their body.
    pub(super) cut: AtomicU64,
    connections: AtomicU64,
    open: AtomicUsize,
    /// Ids of requests with a body: each may be carried out once.
    taken: Mutex<HashSet<u64>>,
    findings: Mutex<Vec<String>>,
}

impl Seen {
    /// Counts a connection for as long as the value lives; with the last thread in use further ones
    /// would wait, and the edge would look slow.
    pub(super) fn connected(&self, connections_max: usize) -> Open<'_> {
        self.connections.fetch_add(1, Relaxed);
        if self.open.fetch_add(1, Relaxed) + 1 == connections_max {
            self.finding(format!("the backend has only {connections_max} threads"));
        }
        Open(&self.open)
    }

    /// Takes note of a request with a body; false where it has been carried out before.
    pub(super) fn takes(&self, id: u64) -> bool {
        self.taken.lock().unwrap().insert(id)
    }

    /// Keeps what must not have come.
    pub(super) fn finding(&self, what: String) {
        let mut findings = self.findings.lock().unwrap();
        if findings.len() < FINDINGS_MAX {
            findings.push(what);
        }
    }

    /// Returns the counts as a line, and a line for each finding.
    pub(super) fn lines(&self) -> Vec<String> {
        let [requests, cut, connections] = [&self.requests, &self.cut, &self.connections].map(|n| n.load(Relaxed));
        let counts = format!("connections={connections} requests={requests} cut={cut}");
        [vec![counts], self.findings.lock().unwrap().clone()].concat()
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open<'a>(&'a AtomicUsize);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
