//! The drain of this process.

/// The drain, with its deadline once it has begun.
#[derive(Debug, Default)]
pub(crate) struct Drain {
    deadline_ms: Option<u64>,
}

impl Drain {
    /// Begins the drain: responses end their connections from now on, and idle connections go to
    /// other lanes. Whatever is left at the deadline is cut off.
    pub(crate) const fn begin(&mut self, deadline_ms: u64) {
        self.deadline_ms = Some(deadline_ms);
    }

    /// Returns whether the drain has begun.
    pub(crate) const fn has_begun(&self) -> bool {
        self.deadline_ms.is_some()
    }

    /// Returns whether the drain has taken too long.
    pub(crate) fn is_overdue(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_some_and(|deadline_ms| now_ms >= deadline_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_drain_that_has_begun_can_be_overdue() {
        let mut drain = Drain::default();
        assert!(!drain.has_begun() && !drain.is_overdue(u64::MAX));
        drain.begin(10);
        assert!(drain.has_begun() && !drain.is_overdue(9) && drain.is_overdue(10));
    }
}
