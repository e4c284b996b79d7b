//! The drain of this process.

/// The state of the drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drain {
    /// It has not begun.
    #[default]
    No,
    /// Responses end their connections, and idle connections go to other lanes. Whatever is left at
    /// that time, in milliseconds, is cut off.
    Until(u64),
    /// The same; whoever ends the process limits it.
    Ending,
}

impl Drain {
    /// Returns whether the drain has begun.
    pub fn has_begun(self) -> bool {
        self != Self::No
    }

    /// Returns whether the drain has taken too long.
    pub const fn is_overdue(self, now_ms: u64) -> bool {
        matches!(self, Self::Until(end_ms) if now_ms >= end_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_drain_that_has_a_limit_can_be_overdue() {
        assert!(!Drain::No.has_begun() && !Drain::No.is_overdue(u64::MAX));
        assert!(Drain::Ending.has_begun() && !Drain::Ending.is_overdue(u64::MAX));
        let drain = Drain::Until(10);
        assert!(drain.has_begun() && !drain.is_overdue(9) && drain.is_overdue(10));
    }
}
