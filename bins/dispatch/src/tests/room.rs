//! Room at a server for requests that wait in this lane or in another one, made by responses that
//! stand still.

use std::{os::fd::OwnedFd, time::Instant};

use fosse_counters::{SHARES_PAGE_BYTES, SharesPage, dispatch as count};
use fosse_harness::WAIT_MAX;
use fosse_settings::Backend;
use fosse_sys::page::Page;
use fosse_wire::request::{Endpoint, RequestHead};

use super::{Fixture, OK, backend, get, id, say};
use crate::upstream::{affinity, states::Reports};

/// Another lane, as the page of what lanes share shows it.
struct OtherLane {
    page: SharesPage,
    row: usize,
}

impl OtherLane {
    fn says(&self, has: u32, wants: bool) {
        self.page.set(self.row, has, wants);
    }
}

/// A lane beside another one, with a server that takes that many connections.
fn two_lanes(connections_max: u32) -> (Fixture, OtherLane) {
    let mut fixture = Fixture::new(Backend { connections_max, queue_requests_max: 64, ..backend() });
    fixture.server.shared.ahead = fosse_source::Budget::new(0);
    let fd = fosse_sys::memfd::page("test", SHARES_PAGE_BYTES).unwrap();
    let page = |column| SharesPage::of(Page::map(&fd).unwrap(), column).unwrap();
    let (own, other) = (page(0), page(1));
    let row = other.row(affinity::key(b"connections b s")).unwrap();
    fixture.server.upstream.inherit(&[], (Reports::default(), Some(own)), &fixture.counters, 0);
    (fixture, OtherLane { page: other, row })
}

impl Fixture {
    fn ask_as(&mut self, slot: u32, last: u8) {
        let client = Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last], port: 1 };
        self.send(id(slot), &RequestHead { client, ..get() });
    }

    /// Begins a response that its client does not read.
    fn stalled(&mut self, slot: u32, last: u8) -> OwnedFd {
        self.ask_as(slot, last);
        self.turn();
        let server = self.connected();
        say(&server, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n");
        say(&server, &[b'x'; 30_000]);
        self.turn();
        server
    }

    fn slow_clients(&self) -> u64 {
        self.counters.get(count::SLOW_CLIENTS)
    }

    /// Goes round until that much time has passed.
    fn turns_for(&mut self, ms: u64) {
        let until_ms = self.event_loop.now_ms() + ms;
        while self.event_loop.now_ms() < until_ms {
            self.turn_within(Some(1));
        }
    }

    /// Goes round, as it wakes up itself or a moment later, until that is so.
    fn turns_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < WAIT_MAX, "never: {what}");
            let wait_ms = self.server.upstream.wait_ms(self.event_loop.now_ms());
            self.turn_within(Some(wait_ms.unwrap_or(LONG_MS)));
        }
    }

    /// Goes round until that many responses have been ended.
    fn turns_until_ended(&mut self, count: u64) {
        self.turns_until("as many slow clients", |fixture| fixture.slow_clients() >= count);
    }
}

/// Time after which a lane that leaves one connection after the other has left all.
const LONG_MS: u64 = 200;

#[test]
fn a_lane_leaves_what_stands_still_to_others_that_wait_until_each_has_its_part() {
    let (mut fixture, other) = two_lanes(4);
    let _servers: Vec<_> = (0..4).map(|slot| fixture.stalled(slot, 1)).collect();
    fixture.turns_for(LONG_MS);
    assert_eq!(fixture.slow_clients(), 0, "nobody wants any");
    other.says(0, true);
    fixture.turns_until_ended(1);
    assert_eq!(fixture.server.upstream.servers[0].open, 3);
    other.says(1, true);
    fixture.turns_until_ended(2);
    other.says(2, true);
    fixture.turns_for(LONG_MS);
    assert_eq!((fixture.slow_clients(), fixture.server.upstream.servers[0].open), (2, 2), "each has its part");
}

#[test]
fn a_lane_leaves_connections_with_a_login_that_wait_for_their_clients_to_others_that_wait() {
    let ((mut fixture, other), mut servers) = (two_lanes(2), Vec::new());
    for slot in 0..2 {
        let connection = 7 + u64::from(slot);
        let client = Endpoint::from_socket("192.0.2.1:1".parse().unwrap());
        let head = RequestHead { connection, client, single_client: true, ..get() };
        fixture.send_with(id(slot), &head, Some((b"Authorization", b"Negotiate x")));
        fixture.turn();
        let server = fixture.connected();
        say(&server, OK);
        fixture.turn();
        servers.push(server);
    }
    let evicted = |fixture: &Fixture| fixture.counters.get(count::PINNED_EVICTED);
    fixture.turns_for(LONG_MS);
    assert_eq!((fixture.server.upstream.servers[0].pinned_idle, evicted(&fixture)), (2, 0), "nobody wants any");
    other.says(0, true);
    fixture.turns_until("a login that makes room", |fixture| evicted(fixture) > 0);
    other.says(1, true);
    fixture.turns_for(LONG_MS);
    assert_eq!((fixture.server.upstream.servers[0].pinned_idle, evicted(&fixture)), (1, 1), "each has its part");
}

#[test]
fn a_lane_wakes_up_to_leave_what_stands_still() {
    let (mut fixture, other) = two_lanes(2);
    let _servers: Vec<_> = (0..2).map(|slot| fixture.stalled(slot, 1)).collect();
    fixture.turns_for(LONG_MS);
    assert!(fixture.server.upstream.wait_ms(fixture.event_loop.now_ms()).is_some_and(|ms| ms <= 10));
    other.says(0, true);
    fixture.turns_until_ended(1);
    other.says(1, true);
    fixture.turns_for(LONG_MS);
    let wait_ms = fixture.server.upstream.wait_ms(fixture.event_loop.now_ms());
    assert!(wait_ms.is_none(), "with its part it sleeps: {wait_ms:?}");
}

#[test]
fn sources_with_one_connection_each_keep_it_whoever_waits() {
    let (mut fixture, other) = two_lanes(4);
    let _servers: Vec<_> = (1..5).map(|slot| fixture.stalled(slot, u8::try_from(slot).unwrap())).collect();
    other.says(0, true);
    fixture.ask_as(9, 9);
    fixture.turns_for(LONG_MS);
    assert_eq!((fixture.slow_clients(), fixture.server.upstream.servers[0].open), (0, 4));
}

#[test]
fn one_that_waits_costs_one_response_though_others_are_to_have_room_too() {
    let (mut fixture, other) = two_lanes(8);
    let _servers: Vec<_> = (0..8).map(|slot| fixture.stalled(slot, 1)).collect();
    other.says(0, true);
    fixture.turns_until_ended(1);
    // What it has left just now is taken at once, and it takes none itself for a while.
    other.says(1, true);
    fixture.ask_as(9, 2);
    fixture.turn();
    assert_eq!(fixture.slow_clients(), 2);
    let server = fixture.connected();
    say(&server, OK);
    fixture.turns_until("a response", |fixture| !fixture.statuses(id(9)).is_empty());
    assert_eq!(fixture.statuses(id(9)), [200]);
}

#[test]
fn a_lane_that_ends_nothing_to_its_use_ends_nothing() {
    let (mut fixture, other) = two_lanes(4);
    let _servers: Vec<_> = (0..3).map(|slot| fixture.stalled(slot, 1)).collect();
    // As after a reload that permits fewer: together they have more than they may.
    other.says(4, false);
    fixture.ask_as(9, 2);
    fixture.turns_for(LONG_MS);
    assert_eq!(fixture.slow_clients(), 0);
    other.says(1, false);
    fixture.turns_until_ended(1);
    assert!(fixture.asked().is_some());
}
