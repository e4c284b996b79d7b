//! Streams that have ended, as far as it matters what comes for them (RFC 9113, section 5.1).

use crate::limits::ENDED_COUNT_MAX;

/// An end of a stream that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By a reset of ours: what the client sends until it hears of it is ignored.
    Here,
    /// By a reset of the client: what it sends after that is its error.
    There,
}

/// The last streams that were reset. The others have come to their end on both sides, and whoever
/// sends more has broken the connection.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Identifiers are odd: the lowest bit says who has reset it.
    ended: Vec<u32>,
    next: usize,
}

impl History {
    /// Remembers a stream in the place of the oldest.
    pub(crate) fn add(&mut self, id: u32, how: Ended) {
        let entry = id & !1 | u32::from(how == Ended::Here);
        match self.ended.get_mut(self.next) {
            Some(oldest) => *oldest = entry,
            None => self.ended.push(entry),
        }
        self.next = (self.next + 1) % ENDED_COUNT_MAX;
    }

    /// Returns how a stream ended.
    pub(crate) fn find(&self, id: u32) -> Option<Ended> {
        let entry = self.ended.iter().find(|entry| **entry & !1 == id & !1)?;
        Some(if entry & 1 == 1 { Ended::Here } else { Ended::There })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_and_who_ended_them() {
        let mut history = History::default();
        for id in (1..2001).step_by(2) {
            history.add(id, if id % 3 == 0 { Ended::Here } else { Ended::There });
        }
        assert_eq!(history.ended.len(), ENDED_COUNT_MAX);
        assert_eq!(history.find(1999), Some(Ended::There));
        assert_eq!(history.find(1995), Some(Ended::Here));
        assert_eq!((history.find(1), history.find(2001)), (None, None));
    }
}
