//! Penalties: what accept remembers of sources that processes crashed over, kept for the accept
//! that comes next. start compares the numbers that name sources, and the times.

use std::collections::HashMap;

use fosse_wire::start::{Strike, ToChild, ToStart};

use crate::limits::STRIKES_COUNT_MAX;

/// Strikes, by source.
#[derive(Debug, Default)]
pub(crate) struct Penalties {
    strikes: HashMap<(bool, u64), Strike>,
    /// Crashes of which the accept that lives is to hear.
    pub crashes: Vec<Crash>,
}

/// A crash of a stage over the bytes of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Crash {
    /// The connection, as the accept that lives numbers it.
    pub connection: u64,
    /// The word of the client's source, where a trusted proxy has named it; else 0.
    pub source: u64,
}

impl Crash {
    /// Returns the order to penalise whose bytes they were.
    pub(crate) const fn order(self) -> ToChild {
        match self {
            Self { connection, source: 0 } => ToChild::Penalise { connection },
            Self { source, .. } => ToChild::PenaliseSource { source },
        }
    }
}

impl Penalties {
    /// Keeps a strike, in place of what was known of its source before.
    pub(crate) fn keep(&mut self, strike: Strike) {
        let name = |strike: &Strike| (strike.wide, strike.source);
        if self.strikes.len() >= STRIKES_COUNT_MAX && !self.strikes.contains_key(&name(&strike)) {
            let first = self.strikes.values().min_by_key(|strike| (strike.penalised, strike.seconds)).map(name);
            if let Some(first) = first {
                self.strikes.remove(&first);
            }
        }
        self.strikes.insert(name(&strike), strike);
    }

    /// Returns all strikes.
    pub(crate) fn all(&self) -> impl Iterator<Item = Strike> {
        self.strikes.values().copied()
    }

    /// Encodes them as accept takes them over.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.all().flat_map(|strike| ToStart::Strike(strike).encode()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.strikes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_bounded_number_of_sources_and_penalties_longest() {
        let strike = |source, penalised| Strike { wide: true, source, penalised, seconds: 5 };
        let mut penalties = Penalties::default();
        penalties.keep(strike(1, false));
        penalties.keep(strike(1, true));
        assert_eq!(penalties.all().collect::<Vec<_>>(), [strike(1, true)]);
        (2..10_000).for_each(|source| penalties.keep(strike(source, false)));
        assert_eq!(penalties.all().count(), STRIKES_COUNT_MAX);
        assert!(penalties.all().any(|one| one == strike(1, true)));
        assert_eq!(penalties.encode().len(), STRIKES_COUNT_MAX * 16);
    }
}
