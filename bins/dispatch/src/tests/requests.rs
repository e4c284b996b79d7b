//! Requests on their way to a backend and back, and those that have to be sent again.

use std::{os::fd::AsFd, time::Duration};

use fosse_settings::Backend;
use fosse_wire::{
    Kind,
    connect::{Outcome, Reply},
    request::{BodyLength, RequestHead},
};
use rustix::net::SocketType;

use super::{Fixture, OK, backend, get, heard, id, pair, post, say};
use crate::events::on_frames;

#[test]
fn a_held_body_counts_as_held_only_until_the_backend_has_it() {
    let mut fixture = Fixture::new(backend());
    let mut server = None;
    for round in 0..3 {
        let id = id(round);
        fixture.send(id, &RequestHead { held: 60_000, body: BodyLength::Exact(60_000), ..post() });
        fixture.to.outbox.data(id, Kind::RequestData, &[b'x'; 60_000]);
        fixture.end(id);
        fixture.turn();
        let server = server.get_or_insert_with(|| fixture.connected());
        while fixture.statuses(id).is_empty() {
            if heard(server).ends_with(b"xx") {
                say(server, OK);
            }
            fixture.turn();
        }
        assert_eq!(fixture.statuses(id), [200], "request {round}");
        assert_eq!(fixture.server.shared.held_bytes, 0);
    }
}

#[test]
fn a_policy_that_the_path_does_not_lead_to_gets_421_and_no_server() {
    let mut fixture = Fixture::new(backend());
    for (number, policy) in [(0, 1), (1, u32::MAX)] {
        fixture.send(id(number), &RequestHead { policy, ..get() });
        fixture.turn();
        assert_eq!(fixture.statuses(id(number)), [421], "policy {policy}");
    }
    assert_eq!(fixture.server.upstream.connections.len(), 0);
}

#[test]
fn a_client_that_sent_its_body_without_waiting_for_100_is_granted_more() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &RequestHead { expect_continue: true, body: BodyLength::Exact(20_000), ..post() });
    fixture.to.outbox.data(id(0), Kind::RequestData, &[b'x'; 16_384]);
    fixture.turn();
    let server = fixture.connected();
    assert!(heard(&server).ends_with(b"xx"));
    assert_eq!(fixture.granted(id(0)), 0);
    for _ in 0..6 {
        // The backend never says 100; dispatch gives up waiting for it.
        fixture.turn();
    }
    assert_eq!(fixture.statuses(id(0)), [100]);
    assert!(fixture.granted(id(0)) >= 16_384, "{}", fixture.granted(id(0)));
}

#[test]
fn a_request_of_which_a_byte_of_the_response_was_seen_is_not_sent_again() {
    for part in [&b"HTTP/1.1 200 OK\r\nConte"[..], b"HTTP/0.9 hello\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"] {
        let mut fixture = Fixture::new(Backend { server_count: 2, ..backend() });
        fixture.send(id(0), &get());
        fixture.turn();
        let server = fixture.connected();
        say(&server, part);
        fixture.turn();
        drop(server);
        fixture.turn();
        assert_eq!(fixture.asked(), None, "sent again after {}", part.escape_ascii());
        assert_eq!(fixture.statuses(id(0)).last(), Some(&502));
    }
}

#[test]
fn a_request_that_is_sent_again_has_one_proxy_header() {
    let mut fixture = Fixture::new(Backend { proxy_protocol: 1, server_count: 2, ..backend() });
    fixture.send(id(0), &get());
    fixture.turn();
    let server = fixture.connected();
    assert!(heard(&server).starts_with(b"PROXY "));
    drop(server);
    fixture.turn();
    let again = heard(&fixture.connected());
    assert!(again.starts_with(b"PROXY "));
    assert!(!again[6..].starts_with(b"PROXY ") && !again.windows(7).any(|w| w == b"\nPROXY "));
}

#[test]
fn places_of_requests_that_ended_in_the_queue_are_free() {
    let mut fixture = Fixture::new(Backend { connections_max: 1, queue_requests_max: 2, ..backend() });
    fixture.send(id(0), &get());
    fixture.turn();
    let _server = fixture.connected();
    for slot in 1..9 {
        fixture.send(id(slot), &get());
        fixture.turn();
        assert_eq!(fixture.statuses(id(slot)), [0; 0], "request {slot} was refused though nobody waits");
        fixture.to.outbox.reset(id(slot), fosse_wire::frame::ResetReason::Client);
        fixture.turn();
    }
}

#[test]
fn the_rest_of_a_request_goes_on_while_its_response_waits_for_credit() {
    let mut fixture = Fixture::new(backend());
    let total = 8_000_000;
    fixture.send(id(0), &RequestHead { body: BodyLength::Exact(total), ..post() });
    fixture.turn();
    let server = fixture.connected();
    let (mut sent, mut credit, mut taken) = (0u64, 16_384u64, heard(&server).len());
    // Until the backend's socket is full.
    while credit > 0 {
        let now = credit.min(total - sent);
        fixture.to.outbox.data(id(0), Kind::RequestData, &vec![b'x'; usize::try_from(now).unwrap()]);
        sent += now;
        fixture.turn();
        credit = 16_384 + u64::from(fixture.granted(id(0))) - sent;
    }
    // It sends more than parse takes, and then reads on.
    say(&server, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for _ in 0..3 {
        say(&server, &[b'y'; 10_000]);
        fixture.turn();
        fixture.turn();
    }
    for _ in 0..100 {
        taken += heard(&server).len();
        fixture.turn();
        if u64::try_from(taken).unwrap() > sent {
            break;
        }
    }
    taken += heard(&server).len();
    assert!(u64::try_from(taken).unwrap() > sent, "{taken} of {sent} arrived");
}

#[test]
fn a_client_slow_with_its_body_is_not_a_backend_slow_with_its_response() {
    let mut fixture = Fixture::new(Backend { first_byte_seconds: Duration::from_millis(700), ..backend() });
    fixture.send(id(0), &RequestHead { body: BodyLength::Exact(3), ..post() });
    fixture.turn();
    let server = fixture.connected();
    for _ in 0..4 {
        fixture.turn();
    }
    assert_eq!(fixture.statuses(id(0)), [0; 0]);
    fixture.to.outbox.data(id(0), Kind::RequestData, b"abc");
    fixture.end(id(0));
    fixture.turn();
    assert!(heard(&server).ends_with(b"abc"));
    for _ in 0..4 {
        fixture.turn();
    }
    assert_eq!(fixture.statuses(id(0)), [504]);
}

#[test]
fn a_pooled_connection_that_ends_before_the_request_goes_out_costs_it_nothing() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &get());
    fixture.turn();
    let server = fixture.connected();
    say(&server, OK);
    fixture.turn();
    // Bytes that belong to no response, and the next request, in one turn: the frames are seen
    // first.
    fixture.send(id(1), &RequestHead { body: BodyLength::Exact(0), ..post() });
    fixture.end(id(1));
    fixture.to.flush(&fixture.peers, 1).unwrap();
    let (inputs, clients, streams, mut lane) = fixture.server.parts(&fixture.event_loop, &fixture.counters);
    let (_, input) = inputs.of(0).unwrap();
    on_frames(input, clients, streams, &mut lane).unwrap();
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [0; 0]);
    let other = fixture.connected();
    assert!(heard(&other).starts_with(b"POST ") && heard(&server).windows(5).all(|w| w != b"POST "));
    say(&other, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [200]);
}

#[test]
fn a_request_too_long_to_keep_gets_its_response_over_a_pooled_connection() {
    let mut fixture = Fixture::new(backend());
    let mut server = None;
    for round in 0..2 {
        let id = id(round);
        fixture.send(id, &RequestHead { held: 100_000, body: BodyLength::Exact(100_000), ..post() });
        fixture.to.outbox.data(id, Kind::RequestData, &[b'x'; 100_000]);
        fixture.end(id);
        fixture.turn();
        let server = server.get_or_insert_with(|| fixture.connected());
        let mut came = 0;
        while came < 100_000 {
            came += heard(server).iter().filter(|byte| **byte == b'x').count();
            fixture.turn();
        }
        say(server, OK);
        fixture.turn();
        assert_eq!(fixture.statuses(id), [200], "request {round}");
        assert_eq!(fixture.asked(), None, "another connection for request {round}");
    }
}

#[test]
fn connect_requests_that_found_no_room_are_made_later() {
    let mut fixture = Fixture::new(Backend { connections_max: 5000, queue_requests_max: 5000, ..backend() });
    let count = 2000;
    for slot in 0..count {
        fixture.send(id(slot), &get());
        fixture.turn();
    }
    let mut servers = Vec::new();
    while let Some(tag) = fixture.asked() {
        let (ours, theirs) = pair(SocketType::STREAM);
        let reply = Reply { tag, outcome: Outcome::Connected, errno: 0 };
        fosse_fdpass::send(&fixture.connect, &reply.encode(), &[theirs.as_fd()]).unwrap();
        servers.push(ours);
        fixture.turn();
        if servers.len() > 700 {
            return;
        }
    }
    panic!("{} of {count} requests got a connection", servers.len());
}
