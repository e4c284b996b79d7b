//! The share of each source of what is newly kept.

use std::collections::HashMap;

use fosse_source::Source;

use crate::limits::{SHARE_MS, SHARES_COUNT_MAX};

/// Bytes that sources have added since a time.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    max: u64,
    since_ms: u64,
    bytes: HashMap<Source, u64>,
}

impl Shares {
    /// Makes shares of `max` bytes.
    pub(crate) fn new(max: u64) -> Self {
        Self { max, ..Self::default() }
    }

    /// Returns whether a source may add more.
    pub(crate) fn allow(&mut self, source: Source, now_ms: u64) -> bool {
        if now_ms >= self.since_ms + SHARE_MS || self.bytes.len() > SHARES_COUNT_MAX {
            self.since_ms = now_ms;
            self.bytes.clear();
        }
        self.bytes.get(&source).is_none_or(|bytes| *bytes < self.max)
    }

    /// Counts what a source has added.
    pub(crate) fn add(&mut self, source: Source, bytes: usize) {
        let own = self.bytes.entry(source).or_default();
        *own += u64::try_from(bytes).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_has_had_its_share_waits_and_others_do_not() {
        let source = |n| Source::of(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n]);
        let mut shares = Shares::new(1000);
        assert!(shares.allow(source(1), 0));
        shares.add(source(1), 1000);
        assert!(!shares.allow(source(1), SHARE_MS - 1) && shares.allow(source(2), SHARE_MS - 1));
        assert!(shares.allow(source(1), SHARE_MS));
    }
}
