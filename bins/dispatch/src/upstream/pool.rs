//! The servers of the backends: their state, their connections, and the streams that wait for one.

use std::collections::VecDeque;

use fosse_counters::{Counters, SERVERS_SHOWN_MAX, Server as Shown};
use fosse_eventloop::slab::Key;
use fosse_settings::{Backend, Balance, Health};
use fosse_wire::StreamId;

use super::health::Checks;
use crate::context::after;

/// One server as this lane sees it.
#[derive(Debug, Default)]
pub(crate) struct Server {
    /// Name in logs.
    pub(crate) name: String,
    /// Index of its backend.
    pub(crate) backend: usize,
    /// Idle connections, the last used one last.
    pub(crate) idle: Vec<Key>,
    /// Pinned connections between requests of their client.
    pub(crate) pinned_idle: u32,
    /// Connections open, idle or not.
    pub(crate) open: u32,
    /// Connections requested of connect, without a reply yet.
    pub(crate) pending: u32,
    /// Streams that wait for a connection, the oldest first.
    pub(crate) waiting: VecDeque<StreamId>,
    /// Requests under way.
    pub(crate) busy: u32,
    /// Failures in a row.
    pub(crate) fails: u32,
    /// Time until which it is out, in milliseconds; 0 for up.
    pub(crate) down_until_ms: u64,
    pub(crate) checks: Checks,
}

impl Server {
    /// Returns whether it may be given requests.
    pub(crate) const fn is_up(&self, now_ms: u64) -> bool {
        !self.checks.unhealthy && self.down_until_ms <= now_ms
    }

    /// Counts a request or a connect that failed. Returns true where this takes the server out.
    pub(crate) fn failed(&mut self, backend: &Backend, now_ms: u64) -> bool {
        // A server that fails fast for hours reaches the top of the count, and the lane goes on.
        self.fails = self.fails.saturating_add(1);
        self.checks.passes = 0;
        let out = self.fails >= backend.failures_max.max(1) && self.down_until_ms <= now_ms;
        if out {
            self.down_until_ms = after(now_ms, backend.rest_seconds);
        }
        out
    }

    /// Counts a request that went well.
    pub(crate) const fn worked(&mut self) {
        self.fails = 0;
        self.down_until_ms = 0;
    }

    /// Counts a check's result. Returns true where it changes whether the server is healthy.
    pub(super) fn check_ended(&mut self, health: &Health, backend: &Backend, good: bool, now_ms: u64) -> bool {
        self.checks.under_way = false;
        if self.checks.due_ms == u64::MAX {
            self.checks.due_ms = after(now_ms, health.interval_seconds);
        }
        let was = self.checks.unhealthy;
        if good {
            self.checks.passes += 1;
            if self.checks.passes >= health.passes_min.max(1) {
                self.checks.unhealthy = false;
                self.worked();
            }
        } else {
            self.failed(backend, now_ms);
            self.checks.unhealthy |= self.fails >= backend.failures_max.max(1);
        }
        was != self.checks.unhealthy
    }

    /// Writes it to the counter page, as number `at`.
    pub(super) fn show(&self, at: usize, counters: &Counters, now_ms: u64) {
        if at < SERVERS_SHOWN_MAX {
            let (name, up) = (self.name.clone(), self.is_up(now_ms));
            counters.set_server(at, &Shown { name, up, fails: self.fails, open: self.open, busy: self.busy });
        }
    }

    /// Returns the number of connections that are wanted: one for each stream that waits, and one
    /// for a check. The first that comes goes to the stream that has waited longest.
    pub(super) fn wanted(&self) -> usize {
        self.waiting.len() + usize::from(self.checks.waits())
    }

    /// Returns whether it has as many connections as it may, with those that are pending.
    pub(super) const fn is_full(&self, backend: &Backend) -> bool {
        self.open + self.pending >= backend.connections_max
    }
}

/// Chooses a server of `backend`: among those up by its rule; where none is up, the one that is
/// back first is tried. `not` is the one that has just failed.
pub(crate) fn choose(
    backend: &Backend,
    servers: &[Server],
    round: &mut usize,
    not: Option<usize>,
    now_ms: u64,
) -> Option<usize> {
    let first = usize::try_from(backend.server_first).ok()?;
    let count = usize::try_from(backend.server_count).ok()?;
    let start = *round % count.max(1);
    *round = start + 1;
    let candidates = || (0..count).map(|n| first + (start + n) % count).filter_map(|n| Some((n, servers.get(n)?)));
    let up = || candidates().filter(|(n, s)| s.is_up(now_ms) && Some(*n) != not);
    let chosen = match backend.balance {
        Balance::RoundRobin => up().next(),
        Balance::LeastConnections => up().min_by_key(|(_, s)| s.busy),
    };
    let last_resort =
        || candidates().filter(|(n, _)| Some(*n) != not).min_by_key(|(_, s)| (s.checks.unhealthy, s.down_until_ms));
    chosen.or_else(last_resort).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn backend(balance: Balance) -> Backend {
        Backend {
            server_first: 1,
            server_count: 3,
            balance,
            failures_max: 2,
            rest_seconds: Duration::from_secs(1),
            ..Backend::default()
        }
    }

    fn servers() -> Vec<Server> {
        (0..5).map(|_| Server::default()).collect()
    }

    #[test]
    fn round_robin_goes_round_its_own_servers_only() {
        let (backend, servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        let order: Vec<_> = (0..6).map(|_| choose(&backend, &servers, &mut turn, None, 0).unwrap()).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn least_connections_takes_the_one_with_the_fewest() {
        let (backend, mut servers, mut turn) = (backend(Balance::LeastConnections), servers(), 0);
        servers[1].busy = 2;
        servers[2].busy = 1;
        servers[3].busy = 4;
        assert_eq!(choose(&backend, &servers, &mut turn, None, 0), Some(2));
    }

    #[test]
    fn a_server_that_failed_is_left_out_until_its_time_is_over() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        assert!(!servers[2].failed(&backend, 0));
        assert!(servers[2].failed(&backend, 0));
        assert!((0..6).all(|_| choose(&backend, &servers, &mut turn, None, 999) != Some(2)));
        assert!((0..6).any(|_| choose(&backend, &servers, &mut turn, None, 1000) == Some(2)));
    }

    #[test]
    fn with_none_up_the_one_back_first_is_tried_but_never_the_one_that_just_failed() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        for (n, until) in [(1, 30), (2, 10), (3, 20)] {
            servers[n].down_until_ms = until;
        }
        assert_eq!(choose(&backend, &servers, &mut turn, None, 0), Some(2));
        assert_eq!(choose(&backend, &servers, &mut turn, Some(2), 0), Some(3));
    }
}
