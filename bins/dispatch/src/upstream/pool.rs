//! The servers of the backends: their state, their connections, and the choice between them.

use std::collections::VecDeque;

use fosse_counters::{Counters, HealthReader, SERVERS_SHOWN_MAX, Server as Shown};
use fosse_eventloop::slab::Key;
use fosse_settings::{Backend, Balance};
use fosse_wire::StreamId;

use super::{checked::Checked, tried::Tried};
use fosse_deadlines::after;

/// One server as this lane sees it.
#[derive(Debug, Default)]
pub(crate) struct Server {
    /// Name in logs.
    pub(crate) name: String,
    /// Index of its backend.
    pub(crate) backend: usize,
    /// Its number in connect's table.
    pub(crate) number: u32,
    /// Its place among the servers of its backend.
    pub(crate) place: u32,
    /// Idle connections, the last used one last.
    pub(crate) idle: Vec<Key>,
    /// Pinned connections between requests of their client.
    pub(crate) pinned_idle: u32,
    /// Connections open, idle or not.
    pub(crate) open: u32,
    /// Connections requested of connect, without a reply yet.
    pub(crate) pending: u32,
    /// Streams that wait for one of these connections, the oldest first.
    pub(crate) waiting: VecDeque<StreamId>,
    /// Requests under way.
    pub(crate) busy: u32,
    /// Failures of requests in a row.
    pub(crate) fails: u32,
    /// Time until which it is out after failures of requests, in milliseconds; 0 for up. Once that
    /// time is over one request goes first.
    pub(crate) down_until_ms: u64,
    /// Time until which that request may be under way.
    pub(super) probe_until_ms: u64,
    /// Time until which its share of requests grows, after it was out; 0 for a whole share.
    pub(super) slow_until_ms: u64,
    /// Thousandths of a request that its share has come to since the last one.
    pub(super) credit: u64,
    /// The results of its checks, where it is checked. Requests count for nothing there, and checks
    /// for nothing above.
    pub(crate) checked: Option<Checked>,
}

impl Server {
    /// Returns whether it may be given requests.
    pub(crate) const fn is_up(&self, now_ms: u64) -> bool {
        !self.is_unhealthy() && self.down_until_ms <= now_ms && self.probe_until_ms <= now_ms
    }

    /// Returns whether its checks say that it is out: only passing checks bring it back.
    pub(crate) const fn is_unhealthy(&self) -> bool {
        matches!(self.checked, Some(Checked { unhealthy: true, .. }))
    }

    /// Notes that it is given a request. Where its time out has just passed that is the one that
    /// goes first; the others wait for what becomes of it, but not for ever.
    pub(super) const fn given(&mut self, backend: &Backend, now_ms: u64) {
        if self.down_until_ms != 0 && self.down_until_ms <= now_ms {
            self.probe_until_ms = after(after(now_ms, backend.connect_seconds), backend.first_byte_seconds);
        }
    }

    /// Notes that a request of it ended without a word on the server, as its client is gone: if it
    /// was the one that goes first, another one does.
    pub(super) const fn probe_lost(&mut self) {
        self.probe_until_ms = 0;
    }

    /// Counts a request or a connect that failed. Returns true where this takes the server out.
    pub(crate) fn failed(&mut self, backend: &Backend, now_ms: u64) -> bool {
        // A server that fails fast for hours reaches the top of the count, and the lane goes on.
        self.fails = self.fails.saturating_add(1);
        let out = self.fails >= backend.failures_max.max(1) && self.down_until_ms <= now_ms;
        if out {
            self.down_until_ms = after(now_ms, backend.rest_seconds);
            self.probe_until_ms = 0;
        }
        out
    }

    /// Counts a request that went well.
    pub(crate) const fn worked(&mut self, backend: &Backend, now_ms: u64) {
        self.fails = 0;
        if self.down_until_ms != 0 {
            self.down_until_ms = 0;
            self.probe_until_ms = 0;
            self.start_slowly(backend, now_ms);
        }
    }

    /// Counts a good check: where its time out has passed it is as good as a request.
    const fn check_passed(&mut self, backend: &Backend, now_ms: u64) {
        if self.down_until_ms != 0 && self.down_until_ms <= now_ms {
            self.worked(backend, now_ms);
        }
    }

    /// Begins with a small share of the requests.
    pub(super) const fn start_slowly(&mut self, backend: &Backend, now_ms: u64) {
        self.slow_until_ms = after(now_ms, backend.slow_start_seconds);
        self.credit = 0;
    }

    /// Returns the thousandths of a whole share that it gets.
    fn share(&self, backend: &Backend, now_ms: u64) -> u64 {
        if self.slow_until_ms <= now_ms {
            return SHARE_WHOLE;
        }
        let all_ms = after(0, backend.slow_start_seconds).max(1);
        let left_ms = (self.slow_until_ms - now_ms).min(all_ms);
        (SHARE_WHOLE - left_ms * SHARE_WHOLE / all_ms).max(SHARE_MIN)
    }

    /// Returns whether its share of requests has come to one, in its turn.
    fn takes_turn(&mut self, backend: &Backend, now_ms: u64) -> bool {
        let share = self.share(backend, now_ms);
        if share == SHARE_WHOLE {
            return true;
        }
        self.credit += share;
        let takes = self.credit >= SHARE_WHOLE;
        if takes {
            self.credit -= SHARE_WHOLE;
        }
        takes
    }

    /// Takes over what another lane knew by requests: where it was out, it is out here, for its
    /// whole time. What checks have found out is in their own page.
    pub(super) fn inherit(&mut self, backend: &Backend, known: &[Shown], now_ms: u64) {
        let mut same = known.iter().filter(|server| server.is_named(&self.name)).peekable();
        // One that two backends have may be out for one of them alone.
        if same.peek().is_some() && same.all(|server| !server.up && !server.unhealthy) {
            self.fails = backend.failures_max;
            self.down_until_ms = after(now_ms, backend.rest_seconds);
        }
    }

    /// Looks at what its checks have found out since the last look.
    pub(super) fn read_health(&mut self, backend: &Backend, health: &HealthReader, now_ms: u64) {
        let Some(checked) = &mut self.checked else { return };
        let was_unhealthy = checked.unhealthy;
        let passed = checked.look(health);
        let is_back = was_unhealthy && !checked.unhealthy;
        if passed {
            self.check_passed(backend, now_ms);
        }
        if is_back {
            self.start_slowly(backend, now_ms);
        }
    }

    /// Writes it to the counter page, as number `at`.
    pub(super) fn show(&self, at: usize, counters: &Counters, now_ms: u64) {
        if at < SERVERS_SHOWN_MAX {
            let (name, up, unhealthy) = (self.name.clone(), self.is_up(now_ms), self.is_unhealthy());
            let Self { fails, open, busy, .. } = *self;
            counters.set_server(at, &Shown { name, up, unhealthy, fails, open, busy });
        }
    }

    /// Returns whether it has as many connections as it may, with those that are pending.
    pub(super) const fn is_full(&self, backend: &Backend) -> bool {
        self.open + self.pending >= backend.connections_max
    }

    /// Returns whether one more request could have a connection: an idle one, a new one, or one
    /// that is pinned and makes room.
    pub(super) fn has_room(&self, backend: &Backend) -> bool {
        let idle = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        self.open - idle - self.pinned_idle + self.waiting_len() < backend.connections_max
    }

    /// Returns the number of requests that it has, or that wait for a connection to it, with one
    /// more, against its share.
    fn load(&self, backend: &Backend, now_ms: u64) -> u64 {
        u64::from(self.busy + self.waiting_len() + 1) * SHARE_WHOLE * SHARE_WHOLE / self.share(backend, now_ms)
    }

    fn waiting_len(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

/// A whole share of requests, in thousandths.
const SHARE_WHOLE: u64 = 1000;
/// The share with which a server begins that was out.
const SHARE_MIN: u64 = 50;

/// The outcome of a choice between the servers of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one has room.
    Server(usize),
    /// Those that may have the request have as many as they may.
    Full,
    /// Each has been tried, or is out by its checks.
    None,
}

/// Chooses a server of `backend` that the request has not tried: among those up that have room by
/// the backend's rule. Where none is up, the one that is back first is tried, unless its checks say
/// that it is out.
pub(crate) fn choose(
    backend: &Backend,
    servers: &mut [Server],
    round: &mut usize,
    tried: Tried,
    now_ms: u64,
) -> Choice {
    let (Ok(first), Ok(count)) = (usize::try_from(backend.server_first), usize::try_from(backend.server_count)) else {
        return Choice::None;
    };
    let start = *round;
    let turns = move || (0..count).map(move |n| first + (start + n) % count);
    let is_free = |s: &Server| !tried.contains(s.place) && s.is_up(now_ms) && s.has_room(backend);
    let first_free = turns().find(|at| is_free(&servers[*at]));
    let chosen = match backend.balance {
        Balance::LeastConnections => {
            turns().filter(|at| is_free(&servers[*at])).min_by_key(|at| servers[*at].load(backend, now_ms))
        }
        Balance::RoundRobin => {
            let in_turn = |at: &usize| is_free(&servers[*at]) && servers[*at].takes_turn(backend, now_ms);
            turns().find(in_turn).or(first_free)
        }
    };
    if let Some(at) = chosen {
        *round = (at - first + 1) % count;
        return Choice::Server(at);
    }
    let candidates = || turns().map(|at| (at, &servers[at])).filter(|(_, server)| !tried.contains(server.place));
    if candidates().any(|(_, server)| server.is_up(now_ms)) {
        return Choice::Full;
    }
    let last_resort = || candidates().filter(|(_, server)| !server.is_unhealthy());
    match last_resort().filter(|(_, s)| s.has_room(backend)).min_by_key(|(_, s)| s.down_until_ms) {
        Some((at, _)) => Choice::Server(at),
        None if last_resort().next().is_some() => Choice::Full,
        None => Choice::None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::checked::OUT;

    fn backend(balance: Balance) -> Backend {
        Backend {
            server_first: 1,
            server_count: 3,
            balance,
            connections_max: 8,
            failures_max: 2,
            rest_seconds: Duration::from_secs(1),
            ..Backend::default()
        }
    }

    /// Three servers of the backend, and one of another on each side.
    fn servers() -> Vec<Server> {
        [0, 0, 1, 2, 0].map(|place| Server { place, ..Server::default() }).into()
    }

    fn tried(places: &[u32]) -> Tried {
        let mut tried = Tried::default();
        places.iter().for_each(|place| tried.add(*place));
        tried
    }

    #[test]
    fn round_robin_goes_round_its_own_servers_only() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        let order: Vec<_> = (0..6).map(|_| choose(&backend, &mut servers, &mut turn, tried(&[]), 0)).collect();
        assert_eq!(order, [1, 2, 3, 1, 2, 3].map(Choice::Server));
    }

    #[test]
    fn least_connections_takes_the_one_with_the_fewest_that_has_not_been_tried() {
        let (backend, mut servers, mut turn) = (backend(Balance::LeastConnections), servers(), 0);
        servers[1].busy = 2;
        servers[2].waiting.push_back(StreamId::first(0).unwrap());
        servers[3].busy = 4;
        let mut order = Vec::new();
        for places in [&[][..], &[1], &[1, 0], &[1, 0, 2]] {
            order.push(choose(&backend, &mut servers, &mut turn, tried(places), 0));
        }
        assert_eq!(order, [Choice::Server(2), Choice::Server(1), Choice::Server(3), Choice::None]);
    }

    #[test]
    fn a_full_server_is_passed_over_and_with_all_full_the_request_waits() {
        for balance in [Balance::RoundRobin, Balance::LeastConnections] {
            let (backend, mut servers, mut turn) = (backend(balance), servers(), 0);
            for (at, busy) in [(1, 8), (2, 3), (3, 8)] {
                (servers[at].open, servers[at].busy) = (8, busy);
                servers[at].pinned_idle = 8 - busy;
            }
            assert!((0..6).all(|_| choose(&backend, &mut servers, &mut turn, tried(&[]), 0) == Choice::Server(2)));
            servers[2].pinned_idle = 0;
            assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[]), 0), Choice::Full);
            assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[0, 1, 2]), 0), Choice::None);
        }
    }

    #[test]
    fn a_server_that_failed_is_left_out_until_its_time_is_over() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        assert!(!servers[2].failed(&backend, 0));
        assert!(servers[2].failed(&backend, 0));
        let mut chosen = |now_ms| choose(&backend, &mut servers, &mut turn, tried(&[]), now_ms);
        assert!((0..6).all(|_| chosen(999) != Choice::Server(2)));
        assert!((0..6).any(|_| chosen(1000) == Choice::Server(2)));
    }

    #[test]
    fn with_none_up_the_one_back_first_is_tried_but_none_twice_and_none_that_is_unhealthy() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        for (n, until) in [(1, 30), (2, 10), (3, 20)] {
            servers[n].down_until_ms = until;
        }
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[]), 0), Choice::Server(2));
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[1]), 0), Choice::Server(3));
        servers[3].checked = Some(OUT);
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[1]), 0), Choice::Server(1));
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[0, 1]), 0), Choice::None);
    }

    #[test]
    fn requests_of_the_last_resort_do_not_lengthen_the_time_out_of_a_server() {
        let long = Backend { first_byte_seconds: Duration::from_secs(60), ..backend(Balance::RoundRobin) };
        let (mut servers, mut turn) = (servers(), 0);
        servers[1].down_until_ms = 1000;
        for at in [2, 3] {
            servers[at].checked = Some(OUT);
        }
        assert_eq!(choose(&long, &mut servers, &mut turn, tried(&[]), 0), Choice::Server(1));
        servers[1].given(&long, 0);
        assert!(!servers[1].failed(&long, 10) && servers[1].is_up(1000));
    }

    #[test]
    fn after_its_time_out_one_request_goes_first_and_its_share_grows() {
        for balance in [Balance::RoundRobin, Balance::LeastConnections] {
            let slow = Backend {
                slow_start_seconds: Duration::from_secs(10),
                first_byte_seconds: Duration::from_secs(60),
                connections_max: 1000,
                server_count: 2,
                ..backend(balance)
            };
            let (mut servers, mut turn) = (servers(), 0);
            assert!(!servers[1].failed(&slow, 0) && servers[1].failed(&slow, 0));
            let mut count = |servers: &mut [Server], now_ms| {
                let mut first = 0;
                for _ in 0..200 {
                    let chosen = choose(&slow, servers, &mut turn, tried(&[]), now_ms);
                    let Choice::Server(at) = chosen else { panic!("{chosen:?}") };
                    servers[at].given(&slow, now_ms);
                    servers[at].busy += 1;
                    servers[at].open += 1;
                    first += u32::from(at == 1);
                }
                servers.iter_mut().for_each(|server| (server.busy, server.open) = (0, 0));
                first
            };
            assert_eq!(count(&mut servers, 999), 0);
            assert_eq!((count(&mut servers, 1000), count(&mut servers, 5000)), (1, 0), "{balance:?}");
            assert_eq!(count(&mut servers, 61_000), 1, "what became of it nobody knows");
            servers[1].probe_lost();
            assert_eq!(count(&mut servers, 62_000), 1, "its client is gone");
            servers[1].worked(&slow, 70_000);
            let shares = [70_000, 75_000, 80_000].map(|now_ms| count(&mut servers, now_ms));
            assert!(shares[0] <= 20 && (20..99).contains(&shares[1]) && shares[2] == 100, "{balance:?}: {shares:?}");
            assert!(!servers[1].failed(&slow, 90_000), "it has all its tries again");
        }
    }
}
