//! What a scenario has measured, as rows of a table.

use std::{fmt::Display, time::Duration};

/// One scenario's numbers.
#[derive(Clone, Debug, Default)]
pub struct Report {
    rows: Vec<(String, String, bool)>,
}

impl Report {
    /// A number nobody promised.
    pub fn row(&mut self, what: impl Display, value: impl Display) {
        self.rows.push((what.to_string(), value.to_string(), true));
    }

    /// A number with a limit: `kept` tells whether the promise holds.
    pub fn promise(&mut self, what: impl Display, value: impl Display, kept: bool) {
        self.rows.push((what.to_string(), value.to_string(), kept));
    }

    /// A sorted list of times against their limit.
    pub fn times(&mut self, what: impl Display, mut times: Vec<Duration>, max: Duration) {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len().max(1) - 1) * percent / 100).copied().unwrap_or_default();
        let value = format!(
            "n={} p50={:.1?} p90={:.1?} p99={:.1?} max={:.1?} (limit {max:?})",
            times.len(),
            at(50),
            at(90),
            at(99),
            at(100)
        );
        self.promise(what, value, at(100) <= max);
    }

    /// All promises with numbers are kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.rows.iter().all(|(_, _, kept)| *kept)
    }

    /// Prints the table.
    pub fn print(&self, scenario: &str) {
        for (what, value, kept) in &self.rows {
            println!("{:4} {scenario:<12} {what:<44} {value}", if *kept { "ok" } else { "MISS" });
        }
    }
}
