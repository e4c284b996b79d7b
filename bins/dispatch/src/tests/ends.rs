//! Upgraded connections, interim responses, and what happens at limits.

use std::os::fd::OwnedFd;

use fosse_settings::Backend;
use fosse_wire::{Kind, request::RequestHead};
use rustix::net::{RecvFlags, Shutdown, SocketType, recv, shutdown};

use super::{Fixture, OK, backend, get, heard, id, pair, say};

/// An upgraded connection: the client's end of its socket, and the backend's.
pub(super) fn upgraded(fixture: &mut Fixture) -> (OwnedFd, OwnedFd) {
    let token = Backend { upgrade: vec!["other".into()], ..backend() };
    *fixture = Fixture::new(token);
    fixture.send(id(0), &RequestHead { upgrade: b"other", ..get() });
    fixture.turn();
    let server = fixture.connected();
    assert!(!heard(&server).is_empty());
    say(&server, b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\nhello");
    fixture.turn();
    assert_eq!(fixture.statuses(id(0)), [101]);
    let (client, theirs) = pair(SocketType::STREAM);
    fixture.server.clients.insert(7, theirs, 0);
    fixture.to.outbox.raw(id(0), Kind::Lease, b"early");
    fixture.turn();
    fixture.turn();
    assert_eq!((heard(&client), heard(&server)), (b"hello".to_vec(), b"early".to_vec()));
    (client, server)
}

fn at_end(fd: &OwnedFd) -> bool {
    recv(fd, &mut [0; 1][..], RecvFlags::DONTWAIT).is_ok_and(|(count, _)| count == 0)
}

#[test]
fn the_end_of_one_side_of_an_upgraded_connection_leaves_the_other_direction_open() {
    for client_first in [true, false] {
        let mut fixture = Fixture::new(backend());
        let (client, server) = upgraded(&mut fixture);
        let (first, second) = if client_first { (&client, &server) } else { (&server, &client) };
        say(first, b"last words");
        shutdown(first, Shutdown::Write).unwrap();
        fixture.turn();
        fixture.turn();
        assert_eq!(heard(second), b"last words");
        assert!(at_end(second), "the end is passed on");
        for part in [&b"an"[..], b"swer"] {
            say(second, part);
            fixture.turn();
            assert_eq!(heard(first), part, "client first: {client_first}");
        }
        assert!(!fixture.got.iter().any(|got| got.1 == Kind::ResponseEnd));
        shutdown(second, Shutdown::Write).unwrap();
        fixture.turn();
        assert!(fixture.got.iter().any(|got| got.1 == Kind::ResponseEnd), "both have ended");
        assert!(fixture.server.upstream.connections.iter().next().is_none());
    }
}

#[test]
fn half_an_upgraded_connection_costs_no_turns_and_ends_when_nothing_moves() {
    let mut fixture = Fixture::new(backend());
    let (client, server) = upgraded(&mut fixture);
    shutdown(&client, Shutdown::Write).unwrap();
    fixture.turn();
    let (begun, mut turns) = (fixture.event_loop.now_ms(), 0);
    while fixture.event_loop.now_ms() < begun + 1200 {
        fixture.turn();
        turns += 1;
    }
    assert!(turns < 20, "{turns} turns in which nothing happened");
    assert!(at_end(&server) && !fixture.got.iter().any(|got| got.1 == Kind::ResponseEnd));
    fixture.end_overdue(id(0));
    fixture.turn();
    assert!(fixture.got.iter().any(|got| got.1 == Kind::ResponseEnd));
}

#[test]
fn a_few_hints_before_a_response_are_passed_on_and_more_of_them_end_it_but_102_does_not() {
    let hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nServer: x\r\n\r\n";
    let large = [b"HTTP/1.1 103 Early Hints\r\nLink: ", &[b'x'; 9000][..], b"\r\n\r\n"].concat();
    let waits = b"HTTP/1.1 102 Processing\r\n\r\n";
    for (response, statuses) in [
        ([&hint.repeat(16)[..], OK].concat(), [vec![103; 16], vec![200]].concat()),
        ([&hint.repeat(17)[..], OK].concat(), [vec![103; 16], vec![502]].concat()),
        ([&waits.repeat(200)[..], OK].concat(), vec![200]),
        ([&large.repeat(2)[..], OK].concat(), vec![103, 502]),
    ] {
        let mut fixture = Fixture::new(backend());
        fixture.send(id(0), &get());
        fixture.turn();
        let server = fixture.connected();
        say(&server, &response);
        fixture.turn();
        assert_eq!(fixture.statuses(id(0)), statuses);
    }
}

#[test]
fn without_room_for_one_more_client_socket_a_large_response_goes_through_parse() {
    for (max, lease) in [(1, true), (0, false)] {
        let mut fixture = Fixture::new(backend());
        fixture.server.clients.limit_to(max);
        fixture.send(id(0), &get());
        fixture.turn();
        let server = fixture.connected();
        heard(&server);
        say(&server, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        say(&server, &[b'y'; 60_000]);
        fixture.turn();
        let head = fixture.got.iter().find(|got| got.1 == Kind::Response).unwrap();
        assert_eq!(fosse_wire::response::ResponseHead::decode(&head.2).unwrap().lease, lease);
        assert_eq!(fixture.got.iter().any(|got| got.1 == Kind::ResponseData), !lease);
    }
}

#[test]
fn without_room_for_one_more_client_socket_an_upgrade_is_refused_aloud() {
    for (max, statuses) in [(1, vec![]), (0, vec![503])] {
        let mut fixture = Fixture::new(Backend { upgrade: vec!["other".into()], ..backend() });
        fixture.server.clients.limit_to(max);
        fixture.send(id(0), &RequestHead { upgrade: b"other", ..get() });
        fixture.turn();
        assert_eq!(fixture.statuses(id(0)), statuses);
        if statuses.is_empty() {
            let asked = String::from_utf8(heard(&fixture.connected())).unwrap();
            assert!(asked.contains("\r\nUpgrade: other\r\n"), "{asked}");
        }
    }
}
