//! The servers behind the backends: which are up, what connections they have, who waits for one.

use std::collections::VecDeque;

use fosse_eventloop::slab::Key;
use fosse_settings::{Backend, Balance};
use fosse_wire::StreamId;

/// One server as this lane sees it.
#[derive(Debug, Default)]
pub struct Server {
    /// Index of its backend.
    pub backend: usize,
    /// Connections at rest, the last used one last.
    pub idle: Vec<Key>,
    /// Pinned connections that wait for their client.
    pub pinned_idle: u32,
    /// Connections open, at rest or not.
    pub open: u32,
    /// Connections asked of connect and not yet answered.
    pub asked: u32,
    /// Streams that wait for a connection, the oldest first; ended ones are skipped when their turn comes.
    pub waiting: VecDeque<StreamId>,
    /// Requests under way.
    pub busy: u32,
    /// Failures in a row.
    pub fails: u32,
    /// Out until then; 0 for up.
    pub down_until_ms: u64,
    /// An active check says it is down: only a passing check brings it back.
    pub unhealthy: bool,
    /// Good checks in a row.
    pub passes: u32,
    /// When the next active check is due.
    pub check_ms: u64,
    /// A check is under way.
    pub checking: bool,
}

impl Server {
    /// It may be given requests.
    #[must_use]
    pub const fn up(&self, now_ms: u64) -> bool {
        !self.unhealthy && self.down_until_ms <= now_ms
    }

    /// A request or a connect failed; true where this takes the server out.
    pub fn failed(&mut self, backend: &Backend, now_ms: u64) -> bool {
        self.fails = self.fails.saturating_add(1);
        self.passes = 0;
        let out = self.fails >= backend.fails_max.max(1) && self.down_until_ms <= now_ms;
        if out {
            self.down_until_ms = now_ms.saturating_add(u64::from(backend.down_ms));
        }
        out
    }

    /// A request went well.
    pub const fn worked(&mut self) {
        self.fails = 0;
        self.down_until_ms = 0;
    }
}

/// Chooses a server of `backend`: among those up by its rule; where none is up, the one that is back first is tried.
/// `not` is the one that has just failed.
#[must_use]
pub fn choose(
    backend: &Backend,
    servers: &[Server],
    turn: &mut usize,
    not: Option<usize>,
    now_ms: u64,
) -> Option<usize> {
    let first = usize::try_from(backend.server_first).ok()?;
    let count = usize::try_from(backend.server_count).ok()?;
    let at = |offset: usize| first.saturating_add(offset);
    let start = *turn % count.max(1);
    *turn = start.wrapping_add(1);
    let candidates =
        || (0..count).map(|n| at(start.wrapping_add(n) % count)).filter_map(|n| Some((n, servers.get(n)?)));
    let up = || candidates().filter(|(n, s)| s.up(now_ms) && Some(*n) != not);
    let chosen = match backend.balance {
        Balance::RoundRobin => up().next(),
        Balance::LeastConnections => up().min_by_key(|(_, s)| s.busy),
    };
    let last_resort =
        || candidates().filter(|(n, _)| Some(*n) != not).min_by_key(|(_, s)| (s.unhealthy, s.down_until_ms));
    chosen.or_else(last_resort).map(|(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(balance: Balance) -> Backend {
        Backend { server_first: 1, server_count: 3, balance, fails_max: 2, down_ms: 1000, ..Backend::default() }
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
