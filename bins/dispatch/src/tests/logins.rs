//! Backend connections with a login: whose they are, and when they end, whatever order the words of
//! parse come in.

use std::os::fd::OwnedFd;

use fosse_counters::dispatch as count;
use fosse_wire::{
    Kind, StreamId, direct,
    frame::ResetReason,
    request::{Endpoint, RequestHead},
    response::ResponseHead,
    verdict::{Cause, Verdict},
};
use rustix::net::{Shutdown, SocketType, shutdown};

use super::{Fixture, OK, backend, ends::upgraded, get, heard, id, pair, say};
use crate::events::on_client_sockets;

const ASKS: &[u8] = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM\r\n\r\n";

fn of(connection: u64) -> RequestHead<'static> {
    let client = Endpoint::from_socket("192.0.2.1:1".parse().unwrap());
    RequestHead { connection, client, single_client: true, ..get() }
}

impl Fixture {
    fn log_in(&mut self, stream: StreamId, head: &RequestHead<'_>) {
        self.send_with(stream, head, Some((b"Authorization", b"Negotiate x")));
        self.turn();
    }

    fn pinned(&self) -> u64 {
        self.counters.get(count::PINNED)
    }

    fn head(&self, stream: StreamId) -> ResponseHead<'_> {
        let head = self.got.iter().find(|got| got.0 == stream && got.1 == Kind::Response).expect("a head");
        ResponseHead::decode(&head.2).unwrap()
    }

    /// parse says that these connections are over.
    fn ended(&mut self, connections: &[u64]) {
        let (parse, clients) = pair(SocketType::SEQPACKET);
        let mut message = Vec::new();
        direct::encode(&mut message, connections);
        fosse_fdpass::send(&parse, &message, &[]).unwrap();
        // Its other end stays open, so that nothing else is heard of it.
        let (_, _, streams, mut lane) = self.server.parts(&self.event_loop, &self.counters);
        on_client_sockets(&clients, streams, &mut lane).unwrap();
        drop(parse);
    }
}

fn closed(backend: &OwnedFd) -> bool {
    heard(backend);
    rustix::io::read(backend, &mut [0; 1][..]).is_ok_and(|count| count == 0)
}

#[test]
fn a_connection_that_was_asked_or_given_a_login_serves_its_client_alone() {
    for asked in [true, false] {
        let mut fixture = Fixture::new(backend());
        if asked {
            fixture.send(id(0), &of(1));
            fixture.turn();
        } else {
            fixture.log_in(id(0), &of(1));
        }
        let server = fixture.connected();
        say(&server, if asked { ASKS } else { OK });
        fixture.turn();
        assert!(fixture.head(id(0)).pinned);
        assert_eq!(fixture.pinned(), 1);
        heard(&server);
        fixture.send(id(1), &of(2));
        fixture.turn();
        let other = fixture.connected();
        assert!(heard(&server).is_empty() && heard(&other).starts_with(b"GET "));
        fixture.send(id(2), &of(1));
        fixture.turn();
        assert!(heard(&server).starts_with(b"GET "));
        assert_eq!(fixture.asked(), None);
        say(&server, OK);
        fixture.turn();
        assert!(fixture.head(id(2)).pinned, "it says so with each response");
        fixture.ended(&[1]);
        assert!(closed(&server));
        assert_eq!((fixture.pinned(), fixture.server.upstream.pins.len()), (0, 0));
    }
}

#[test]
fn a_client_that_is_gone_leaves_no_login_whatever_is_heard_of_it_first() {
    for end_first in [true, false] {
        for responded in [true, false] {
            let mut fixture = Fixture::new(backend());
            fixture.log_in(id(0), &of(1));
            let server = fixture.connected();
            if end_first {
                fixture.ended(&[1]);
            }
            if responded {
                say(&server, OK);
                fixture.turn();
            } else {
                fixture.to.outbox.reset(id(0), ResetReason::Client);
                fixture.turn();
            }
            if !end_first {
                fixture.ended(&[1]);
            }
            assert!(closed(&server), "end first: {end_first}, responded: {responded}");
            assert_eq!((fixture.pinned(), fixture.server.upstream.pins.len()), (0, 0));
        }
    }
}

#[test]
fn a_response_with_a_login_that_a_filter_denies_leaves_none() {
    let mut fixture = Fixture::new(backend());
    fixture.server.policies.of_tests().inspect_responses = true;
    fixture.send_with(id(0), &of(1), Some((b"Authorization", b"NTLM x")));
    fixture.turn();
    let server = fixture.connected();
    say(&server, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok");
    fixture.turn();
    assert_eq!(fixture.pinned(), 1);
    let verdict = Verdict {
        status: 403,
        cause: Cause::Rule,
        rule: 1,
        retry_after: 0,
        site: 0,
        request: 9,
        location: b"",
        message: b"",
    };
    fixture.to.outbox.frame(id(0), Kind::Verdict, |body| verdict.encode(body)).unwrap();
    fixture.turn();
    assert!(closed(&server));
    assert_eq!(fixture.pinned(), 0);
}

#[test]
fn a_login_is_not_for_another_address_of_the_same_connection() {
    let mut fixture = Fixture::new(backend());
    fixture.log_in(id(0), &of(1));
    let server = fixture.connected();
    say(&server, OK);
    fixture.turn();
    let elsewhere = Endpoint::from_socket("192.0.2.2:1".parse().unwrap());
    fixture.send(id(1), &RequestHead { client: elsewhere, ..of(1) });
    fixture.turn();
    assert!(closed(&server));
    assert!(heard(&fixture.connected()).starts_with(b"GET "));
}

#[test]
fn a_connection_of_many_clients_gets_no_login_that_lasts() {
    let mut fixture = Fixture::new(backend());
    for (stream, response) in [(id(0), OK), (id(1), ASKS)] {
        let many = RequestHead { single_client: false, ..of(1) };
        if response == OK {
            fixture.log_in(stream, &many)
        } else {
            fixture.send(stream, &many)
        }
        fixture.turn();
        let server = fixture.connected();
        say(&server, response);
        fixture.turn();
        assert!(closed(&server));
        let head = fixture.head(stream);
        assert!(!head.pinned && head.fields.all(b"www-authenticate").next().is_none());
        assert_eq!(fixture.pinned(), 0);
    }
}

#[test]
fn an_idle_login_makes_room_for_a_request_that_waits() {
    let mut fixture = Fixture::new(fosse_settings::Backend { connections_max: 1, ..backend() });
    fixture.log_in(id(0), &of(1));
    let server = fixture.connected();
    fixture.send(id(1), &of(2));
    fixture.turn();
    assert_eq!(fixture.asked(), None, "there is no room yet");
    say(&server, OK);
    fixture.turn();
    assert!(closed(&server));
    let other = fixture.connected();
    assert!(heard(&other).starts_with(b"GET "));
    assert_eq!(fixture.counters.get(count::PINNED_EVICTED), 1);
}

#[test]
fn a_connection_that_announced_a_client_is_not_used_again() {
    let mut fixture = Fixture::new(fosse_settings::Backend { proxy_protocol: 2, ..backend() });
    for slot in 0..3 {
        fixture.send(id(slot), &of(1));
        fixture.turn();
        let server = fixture.connected();
        say(&server, OK);
        fixture.turn();
        assert_eq!(fixture.statuses(id(slot)), [200]);
        assert!(closed(&server));
    }
}

#[test]
fn an_upgraded_connection_is_never_used_again() {
    let mut fixture = Fixture::new(backend());
    let (client, server) = upgraded(&mut fixture);
    shutdown(&client, Shutdown::Write).unwrap();
    shutdown(&server, Shutdown::Write).unwrap();
    fixture.turn();
    fixture.turn();
    assert!(fixture.got.iter().any(|got| got.1 == Kind::ResponseEnd));
    assert!(closed(&server));
    fixture.send(id(1), &of(2));
    fixture.turn();
    assert!(heard(&fixture.connected()).starts_with(b"GET "));
}
