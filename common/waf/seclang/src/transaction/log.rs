//! The matches of a transaction, kept for logs.

use super::record::RecordData;
use super::variables::Variables;
use crate::modes::Sanitise;
use crate::rule::Facts;

/// Records kept of one transaction: more says nothing new, and each costs memory.
const RECORDS_MAX: usize = 2_000;

/// The matches of a transaction, and what is masked in them.
#[derive(Debug)]
pub(super) struct Log {
    pub records: Vec<RecordData>,
    /// Keeps matches of rules with `nolog` too.
    pub explaining: bool,
    /// TX variables whose sum each match is noted with, for reports.
    pub scores: Vec<Vec<u8>>,
    /// Values that are masked, with the names of arguments and headers.
    pub masked: Vec<(Sanitise, Vec<u8>)>,
}

impl Log {
    /// Creates an empty log in the memory of another one's records.
    pub(super) fn new(mut records: Vec<RecordData>) -> Self {
        records.clear();
        Self { records, explaining: false, scores: Vec::new(), masked: Vec::new() }
    }

    /// Returns whether a match of a rule with these facts is kept.
    pub(super) fn wants(&self, facts: &Facts) -> bool {
        (facts.log || facts.audit_log || self.explaining) && self.records.len() < RECORDS_MAX
    }

    /// Returns what the noted scores add up to now.
    pub(super) fn score(&self, variables: &Variables<'_>) -> i64 {
        // Scores are the rules' own arithmetic on the client's input: like TX variables they stop
        // at the ends.
        self.scores.iter().map(|name| variables.tx_number_named(name)).fold(0, i64::saturating_add)
    }
}
