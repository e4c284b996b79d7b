//! The choice between the servers of a backend.

use fosse_settings::{Backend, Balance};

use super::{
    affinity::score,
    pool::Server,
    tried::{Tried, Wanted},
};

/// The outcome of a choice between the servers of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one has room.
    Server(usize),
    /// Those that may have the request have as many as they may.
    Full,
    /// The request belongs to this one, which has as many as it may.
    OwnerFull(usize),
    /// Each has been tried, or is out by its checks.
    None,
}

/// Chooses a server of `backend`, whose `servers` these are, that the request has not tried: among
/// those up that have room by the backend's rule; backup servers where no other is up. Where none
/// is up at all, the one that is back first is tried, unless its checks say that it is out. A
/// server that is up and that the client's cookie names comes before all others.
///
/// `round` is the place from which the next one with the fewest requests is searched.
pub(super) fn choose(
    backend: &Backend,
    servers: &mut [Server],
    round: &mut usize,
    Wanted { tried, affinity }: Wanted,
    now_ms: u64,
) -> Choice {
    if let Some(owner) = affinity.cookie.and_then(|id| servers.iter().position(|server| server.id == id)) {
        match &servers[owner] {
            server if tried.contains(server.place) || !server.is_up(now_ms) => {}
            server if server.has_room(backend) => return Choice::Server(owner),
            _ => return Choice::OwnerFull(owner),
        }
    }
    let may_have = |s: &Server| !tried.contains(s.place) && s.takes_new(now_ms);
    let backup = !servers.iter().any(|server| may_have(server) && !server.backup);
    let is_free = |s: &Server| s.backup == backup && may_have(s) && s.has_room(backend);
    let chosen = match (backend.balance, affinity.key) {
        (Balance::LeastConnections, _) => least_connections(backend, servers, round, is_free, now_ms),
        (Balance::Hash, Some(key)) => by_hash(backend, servers, key, is_free, now_ms),
        (Balance::RoundRobin | Balance::Hash, _) => round_robin(backend, servers, is_free, now_ms),
    };
    match chosen {
        Some(place) => Choice::Server(place),
        None if servers.iter().any(may_have) => Choice::Full,
        None => last_resort(backend, servers, tried),
    }
}

/// Chooses by smooth weighted round robin, as nginx does: each server's lead grows by its share,
/// and the one with the largest lead is chosen and falls behind by the shares of all. So servers of
/// the weights 5, 1 and 1 serve in the order a a b a c a a.
fn round_robin(
    backend: &Backend,
    servers: &mut [Server],
    is_free: impl Fn(&Server) -> bool,
    now_ms: u64,
) -> Option<usize> {
    let (mut all, mut chosen) = (0, None);
    for (place, server) in servers.iter_mut().enumerate().filter(|(_, server)| is_free(server)) {
        let share = i64::from(server.share(backend, now_ms));
        all += share;
        server.lead += share;
        if chosen.is_none_or(|(_, lead)| server.lead > lead) {
            chosen = Some((place, server.lead));
        }
    }
    let (place, _) = chosen?;
    servers[place].lead -= all;
    Some(place)
}

/// Chooses the server with the fewest requests against its share; of several the next in turn.
fn least_connections(
    backend: &Backend,
    servers: &[Server],
    round: &mut usize,
    is_free: impl Fn(&Server) -> bool,
    now_ms: u64,
) -> Option<usize> {
    let turns = (0..servers.len()).map(|n| (*round + n) % servers.len());
    let free = turns.filter(|place| is_free(&servers[*place]));
    let chosen = free.min_by_key(|place| servers[*place].load(backend, now_ms))?;
    *round = chosen + 1;
    Some(chosen)
}

/// Chooses the server with the highest score for a key.
fn by_hash(
    backend: &Backend,
    servers: &[Server],
    key: u64,
    is_free: impl Fn(&Server) -> bool,
    now_ms: u64,
) -> Option<usize> {
    let free = servers.iter().enumerate().filter(|(_, server)| is_free(server));
    let scored = free.map(|(place, server)| (place, score(key, server.id, server.share(backend, now_ms))));
    scored.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(place, _)| place)
}

/// Chooses where no server is up.
fn last_resort(backend: &Backend, servers: &[Server], tried: Tried) -> Choice {
    let candidates = || servers.iter().enumerate().filter(|(_, s)| !tried.contains(s.place) && s.is_last_resort());
    match candidates().filter(|(_, s)| s.has_room(backend)).min_by_key(|(_, s)| (s.backup, s.down_until_ms)) {
        Some((place, _)) => Choice::Server(place),
        None if candidates().next().is_some() => Choice::Full,
        // At the beginning of an edge requests may be earlier than what a name stands for.
        None if servers.iter().any(|s| !tried.contains(s.place) && s.awaits_address()) => Choice::Full,
        None => Choice::None,
    }
}

#[cfg(test)]
mod tests {
    use std::{iter::zip, time::Duration};

    use super::*;
    use crate::upstream::{affinity::Affinity, checked::OUT};
    use fosse_wire::StreamId;

    fn backend(balance: Balance) -> Backend {
        Backend {
            server_count: 3,
            balance,
            connections_max: 8,
            failures_max: 2,
            rest_seconds: Duration::from_secs(1),
            ..Backend::default()
        }
    }

    /// Three servers.
    fn servers() -> Vec<Server> {
        weighted([1, 1, 1])
    }

    /// Three servers of these weights.
    fn weighted(weights: [u32; 3]) -> Vec<Server> {
        zip(0.., weights).map(|(place, weight)| Server { place, weight, ..Server::default() }).collect()
    }

    fn tried(places: &[u32]) -> Wanted {
        let mut wanted = Wanted::default();
        places.iter().for_each(|place| wanted.tried.add(*place));
        wanted
    }

    #[test]
    fn round_robin_goes_round() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        let order: Vec<_> = (0..6).map(|_| choose(&backend, &mut servers, &mut turn, tried(&[]), 0)).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2].map(Choice::Server));
    }

    #[test]
    fn weights_are_served_in_the_smooth_order() {
        let (backend, mut turn) = (backend(Balance::RoundRobin), 0);
        let mut order = |weights| {
            let mut servers = weighted(weights);
            [(); 7].map(|()| choose(&backend, &mut servers, &mut turn, tried(&[]), 0))
        };
        // The example of nginx's commit 52327e0627f4.
        assert_eq!(order([5, 1, 1]), [0, 0, 1, 0, 2, 0, 0].map(Choice::Server));
        assert_eq!(order([0, 2, 1]), [1, 2, 1, 1, 2, 1, 1].map(Choice::Server), "none for a weight of 0");
        assert_eq!(order([0, 0, 0]), [Choice::None; 7], "not as a last resort either");
    }

    #[test]
    fn connections_count_against_weights() {
        let (backend, mut servers, mut turn) = (backend(Balance::LeastConnections), weighted([3, 1, 0]), 0);
        let mut got = [0; 3];
        for _ in 0..8 {
            let Choice::Server(at) = choose(&backend, &mut servers, &mut turn, tried(&[]), 0) else { panic!("none") };
            (servers[at].busy, servers[at].open) = (servers[at].busy + 1, servers[at].open + 1);
            got[at] += 1;
        }
        assert_eq!(got, [6, 2, 0]);
    }

    #[test]
    fn a_backup_server_is_used_where_no_other_is_up_or_left() {
        for balance in [Balance::RoundRobin, Balance::LeastConnections] {
            let (backend, mut servers, mut turn) = (backend(balance), servers(), 0);
            servers[0].backup = true;
            let mut chosen =
                |servers: &mut [Server], places: &[u32]| choose(&backend, servers, &mut turn, tried(places), 0);
            assert!((0..6).all(|_| chosen(&mut servers, &[]) != Choice::Server(0)));
            assert_eq!(chosen(&mut servers, &[1, 2]), Choice::Server(0), "it has been to the others");
            for at in [1, 2] {
                (servers[at].open, servers[at].busy) = (8, 8);
            }
            assert_eq!(chosen(&mut servers, &[]), Choice::Full, "a full server is up");
            servers[1].down_until_ms = 10;
            servers[2].checked = Some(OUT);
            assert_eq!(chosen(&mut servers, &[]), Choice::Server(0));
            servers[0].down_until_ms = 5;
            servers[1].busy = 0;
            servers[1].open = 0;
            assert_eq!(chosen(&mut servers, &[]), Choice::Server(1), "a last resort before a backup server");
        }
    }

    #[test]
    fn a_key_has_the_next_server_while_its_own_is_out_or_full() {
        let (backend, mut servers, mut turn) = (backend(Balance::Hash), servers(), 0);
        servers.iter_mut().for_each(|server| server.id = u64::from(server.place));
        let mut chosen = |servers: &mut [Server], key| {
            let affinity = Affinity { key: Some(key), cookie: None };
            choose(&backend, servers, &mut turn, Wanted { affinity, ..Wanted::default() }, 0)
        };
        let all: Vec<_> = (0..100).map(|key| chosen(&mut servers, key)).collect();
        assert!((0..100).all(|key| chosen(&mut servers, key) == all[usize::try_from(key).unwrap()]));
        for (fail, restore) in [
            (
                (|server| server.down_until_ms = 10) as fn(&mut Server),
                (|server| server.down_until_ms = 0) as fn(&mut Server),
            ),
            (|server| (server.open, server.busy) = (8, 8), |server| (server.open, server.busy) = (0, 0)),
        ] {
            fail(&mut servers[1]);
            for (key, own) in (0..).zip(&all) {
                let now = chosen(&mut servers, key);
                assert!(if *own == Choice::Server(1) { now != *own } else { now == *own }, "{key}: {own:?}, {now:?}");
            }
            restore(&mut servers[1]);
        }
        let without = choose(&backend, &mut servers, &mut turn, Wanted::default(), 0);
        assert_eq!(without, Choice::Server(0), "one without a key takes its turn");
    }

    #[test]
    fn a_cookie_finds_its_server_of_whatever_weight_and_waits_for_it_unless_it_is_out() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), weighted([1, 0, 1]), 0);
        servers.iter_mut().for_each(|server| server.id = u64::from(server.place) + 7);
        let mut chosen = |servers: &mut [Server], id, places: &[u32]| {
            let affinity = Affinity { cookie: Some(id), key: None };
            choose(&backend, servers, &mut turn, Wanted { affinity, ..tried(places) }, 0)
        };
        assert!((0..4).all(|_| chosen(&mut servers, 8, &[]) == Choice::Server(1)));
        assert!((0..4).all(|_| chosen(&mut servers, 99, &[]) != Choice::Server(1)), "a stale one");
        assert_ne!(chosen(&mut servers, 8, &[1]), Choice::Server(1), "it has failed this request");
        (servers[1].open, servers[1].busy) = (8, 8);
        assert_eq!(chosen(&mut servers, 8, &[]), Choice::OwnerFull(1));
        servers[1].down_until_ms = 10;
        assert_ne!(chosen(&mut servers, 8, &[]), Choice::OwnerFull(1));
    }

    #[test]
    fn least_connections_takes_the_one_with_the_fewest_that_has_not_been_tried() {
        let (backend, mut servers, mut turn) = (backend(Balance::LeastConnections), servers(), 0);
        servers[0].busy = 2;
        servers[1].waiting.push_back(StreamId::first(0).unwrap());
        servers[2].busy = 4;
        let mut order = Vec::new();
        for places in [&[][..], &[1], &[1, 0], &[1, 0, 2]] {
            order.push(choose(&backend, &mut servers, &mut turn, tried(places), 0));
        }
        assert_eq!(order, [Choice::Server(1), Choice::Server(0), Choice::Server(2), Choice::None]);
    }

    #[test]
    fn a_full_server_is_passed_over_and_with_all_full_the_request_waits() {
        for balance in [Balance::RoundRobin, Balance::LeastConnections] {
            let (backend, mut servers, mut turn) = (backend(balance), servers(), 0);
            for (at, busy) in [(0, 8), (1, 3), (2, 8)] {
                (servers[at].open, servers[at].busy) = (8, busy);
                servers[at].pinned_idle = 8 - busy;
            }
            assert!((0..6).all(|_| choose(&backend, &mut servers, &mut turn, tried(&[]), 0) == Choice::Server(1)));
            servers[1].pinned_idle = 0;
            assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[]), 0), Choice::Full);
            assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[0, 1, 2]), 0), Choice::None);
        }
    }

    #[test]
    fn a_server_that_failed_is_left_out_until_its_time_is_over() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        assert!(!servers[1].failed(&backend, 0));
        assert!(servers[1].failed(&backend, 0));
        let mut chosen = |now_ms| choose(&backend, &mut servers, &mut turn, tried(&[]), now_ms);
        assert!((0..6).all(|_| chosen(999) != Choice::Server(1)));
        assert!((0..6).any(|_| chosen(1000) == Choice::Server(1)));
    }

    #[test]
    fn with_none_up_the_one_back_first_is_tried_but_none_twice_and_none_that_is_unhealthy() {
        let (backend, mut servers, mut turn) = (backend(Balance::RoundRobin), servers(), 0);
        for (n, until) in [(0, 30), (1, 10), (2, 20)] {
            servers[n].down_until_ms = until;
        }
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[]), 0), Choice::Server(1));
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[1]), 0), Choice::Server(2));
        servers[2].checked = Some(OUT);
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[1]), 0), Choice::Server(0));
        assert_eq!(choose(&backend, &mut servers, &mut turn, tried(&[0, 1]), 0), Choice::None);
    }

    #[test]
    fn requests_of_the_last_resort_do_not_lengthen_the_time_out_of_a_server() {
        let long = Backend { first_byte_seconds: Duration::from_secs(60), ..backend(Balance::RoundRobin) };
        let (mut servers, mut turn) = (servers(), 0);
        servers[0].down_until_ms = 1000;
        for at in [1, 2] {
            servers[at].checked = Some(OUT);
        }
        assert_eq!(choose(&long, &mut servers, &mut turn, tried(&[]), 0), Choice::Server(0));
        servers[0].given(&long, 0);
        assert!(!servers[0].failed(&long, 10) && servers[0].is_up(1000));
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
            servers.truncate(2);
            assert!(!servers[0].failed(&slow, 0) && servers[0].failed(&slow, 0));
            let mut count = |servers: &mut [Server], now_ms| {
                let mut first = 0;
                for _ in 0..200 {
                    let chosen = choose(&slow, servers, &mut turn, tried(&[]), now_ms);
                    let Choice::Server(at) = chosen else { panic!("{chosen:?}") };
                    servers[at].given(&slow, now_ms);
                    servers[at].busy += 1;
                    servers[at].open += 1;
                    first += u32::from(at == 0);
                }
                servers.iter_mut().for_each(|server| (server.busy, server.open) = (0, 0));
                first
            };
            assert_eq!(count(&mut servers, 999), 0);
            assert_eq!((count(&mut servers, 1000), count(&mut servers, 5000)), (1, 0), "{balance:?}");
            assert_eq!(count(&mut servers, 61_000), 1, "what became of it nobody knows");
            servers[0].probe_lost();
            assert_eq!(count(&mut servers, 62_000), 1, "its client is gone");
            servers[0].worked(&slow, 70_000);
            let shares = [70_000, 75_000, 80_000].map(|now_ms| count(&mut servers, now_ms));
            assert!(shares[0] <= 20 && (20..99).contains(&shares[1]) && shares[2] == 100, "{balance:?}: {shares:?}");
            assert!(!servers[0].failed(&slow, 90_000), "it has all its tries again");
        }
    }
}
