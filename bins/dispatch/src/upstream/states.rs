//! The states that people give to servers while the edge runs.

use fosse_counters::{AddressesReader, HealthReader, StatesReader};

use super::Upstream;
use crate::context::Context;

/// The pages in which others say how servers are.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// The results of health checks. Without them servers are found out by requests alone.
    pub(crate) health: Option<HealthReader>,
    /// The states that people give. Without them all are as the configuration has them.
    pub(crate) states: Option<StatesReader>,
    /// The addresses of servers that have names. Without them these have none.
    pub(crate) addresses: Option<AddressesReader>,
}

impl Reports {
    /// Returns whether checks took a server out or brought one back since this was last asked.
    pub(super) fn has_news_of_health(&mut self) -> bool {
        self.health.as_mut().is_some_and(HealthReader::has_news)
    }

    fn has_news_of_states(&mut self) -> bool {
        self.states.as_mut().is_some_and(StatesReader::has_news)
    }

    pub(super) fn has_news_of_addresses(&mut self) -> bool {
        self.addresses.as_mut().is_some_and(AddressesReader::has_news)
    }
}

impl Upstream {
    /// Looks at what checks have found out, at the states that people have given and at the
    /// addresses of names, where there is news: before requests of this turn choose their servers.
    pub(crate) fn hear_reports(&mut self, context: &Context<'_>) {
        if self.reports.has_news_of_health() {
            self.read_health(context.now_ms());
        }
        self.hear_states(context);
        self.hear_addresses(context);
    }

    /// Looks at the states that people have given, where there is news. Idle connections of servers
    /// that are drained are closed: the server is about to be.
    pub(super) fn hear_states(&mut self, context: &Context<'_>) {
        if !self.reports.has_news_of_states() {
            return;
        }
        for at in self.read_states(context.now_ms()) {
            while let Some(key) = self.servers[at].idle.first().copied() {
                self.close(key, context);
            }
        }
    }

    /// Takes over all states. Returns the servers that are drained.
    pub(super) fn read_states(&mut self, now_ms: u64) -> Vec<usize> {
        let Some(states) = &self.reports.states else { return Vec::new() };
        self.servers.set_states(&states.all(), now_ms)
    }
}
