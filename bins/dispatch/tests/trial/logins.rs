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

use super::{OK, Trial, backend, ends::upgraded, get, heard, id, pair, say};

const ASKS: &[u8] = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM\r\n\r\n";

fn of(connection: u64) -> RequestHead<'static> {
    let client = Endpoint::from_socket("192.0.2.1:1".parse().unwrap());
    RequestHead { connection, client, single_client: true, ..get() }
}

impl Trial {
    fn log_in(&mut self, stream: StreamId, head: &RequestHead<'_>) {
        self.send_with(stream, head, Some((b"Authorization", b"Negotiate x")));
        self.turn();
    }

    fn pinned(&self) -> u64 {
        self.server.lane.context.counters.get(count::PINNED)
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
        self.server.on_client_sockets(&clients).unwrap();
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
        let mut trial = Trial::new(backend());
        if asked {
            trial.send(id(0), &of(1));
            trial.turn();
        } else {
            trial.log_in(id(0), &of(1));
        }
        let server = trial.connected();
        say(&server, if asked { ASKS } else { OK });
        trial.turn();
        assert!(trial.head(id(0)).pinned);
        assert_eq!(trial.pinned(), 1);
        heard(&server);
        trial.send(id(1), &of(2));
        trial.turn();
        let other = trial.connected();
        assert!(heard(&server).is_empty() && heard(&other).starts_with(b"GET "));
        trial.send(id(2), &of(1));
        trial.turn();
        assert!(heard(&server).starts_with(b"GET "));
        assert_eq!(trial.asked(), None);
        say(&server, OK);
        trial.turn();
        assert!(trial.head(id(2)).pinned, "it says so with each response");
        trial.ended(&[1]);
        assert!(closed(&server));
        assert_eq!((trial.pinned(), trial.server.lane.upstream.pins.len()), (0, 0));
    }
}

#[test]
fn a_client_that_is_gone_leaves_no_login_whatever_is_heard_of_it_first() {
    for end_first in [true, false] {
        for answered in [true, false] {
            let mut trial = Trial::new(backend());
            trial.log_in(id(0), &of(1));
            let server = trial.connected();
            if end_first {
                trial.ended(&[1]);
            }
            if answered {
                say(&server, OK);
                trial.turn();
            } else {
                trial.to.outbox.reset(id(0), ResetReason::Client);
                trial.turn();
            }
            if !end_first {
                trial.ended(&[1]);
            }
            assert!(closed(&server), "end first: {end_first}, answered: {answered}");
            assert_eq!((trial.pinned(), trial.server.lane.upstream.pins.len()), (0, 0));
        }
    }
}

#[test]
fn a_response_with_a_login_that_a_filter_denies_leaves_none() {
    let mut trial = Trial::new(backend());
    trial.server.lane.settings.sites[0].inspect_responses = true;
    trial.send_with(id(0), &of(1), Some((b"Authorization", b"NTLM x")));
    trial.turn();
    let server = trial.connected();
    say(&server, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok");
    trial.turn();
    assert_eq!(trial.pinned(), 1);
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
    trial.to.outbox.frame(id(0), Kind::Verdict, |body| verdict.encode(body)).unwrap();
    trial.turn();
    assert!(closed(&server));
    assert_eq!(trial.pinned(), 0);
}

#[test]
fn a_login_is_not_for_another_address_of_the_same_connection() {
    let mut trial = Trial::new(backend());
    trial.log_in(id(0), &of(1));
    let server = trial.connected();
    say(&server, OK);
    trial.turn();
    let elsewhere = Endpoint::from_socket("192.0.2.2:1".parse().unwrap());
    trial.send(id(1), &RequestHead { client: elsewhere, ..of(1) });
    trial.turn();
    assert!(closed(&server));
    assert!(heard(&trial.connected()).starts_with(b"GET "));
}

#[test]
fn a_connection_of_many_clients_gets_no_login_that_lasts() {
    let mut trial = Trial::new(backend());
    for (stream, response) in [(id(0), OK), (id(1), ASKS)] {
        let many = RequestHead { single_client: false, ..of(1) };
        if response == OK {
            trial.log_in(stream, &many)
        } else {
            trial.send(stream, &many)
        }
        trial.turn();
        let server = trial.connected();
        say(&server, response);
        trial.turn();
        assert!(closed(&server));
        let head = trial.head(stream);
        assert!(!head.pinned && head.fields.all(b"www-authenticate").next().is_none());
        assert_eq!(trial.pinned(), 0);
    }
}

#[test]
fn a_login_at_rest_makes_room_for_who_waits() {
    let mut trial = Trial::new(fosse_settings::Backend { connections_max: 1, ..backend() });
    trial.log_in(id(0), &of(1));
    let server = trial.connected();
    trial.send(id(1), &of(2));
    trial.turn();
    assert_eq!(trial.asked(), None, "there is no room yet");
    say(&server, OK);
    trial.turn();
    assert!(closed(&server));
    let other = trial.connected();
    assert!(heard(&other).starts_with(b"GET "));
    assert_eq!(trial.server.lane.context.counters.get(count::PINNED_EVICTED), 1);
}

#[test]
fn a_connection_that_announced_a_client_is_not_used_again() {
    let mut trial = Trial::new(fosse_settings::Backend { proxy_protocol: 2, ..backend() });
    for slot in 0..3 {
        trial.send(id(slot), &of(1));
        trial.turn();
        let server = trial.connected();
        say(&server, OK);
        trial.turn();
        assert_eq!(trial.statuses(id(slot)), [200]);
        assert!(closed(&server));
    }
}

#[test]
fn an_upgraded_connection_is_never_used_again() {
    let mut trial = Trial::new(backend());
    let (client, server) = upgraded(&mut trial);
    shutdown(&client, Shutdown::Write).unwrap();
    shutdown(&server, Shutdown::Write).unwrap();
    trial.turn();
    trial.turn();
    assert!(trial.got.iter().any(|got| got.1 == Kind::ResponseEnd));
    assert!(closed(&server));
    trial.send(id(1), &of(2));
    trial.turn();
    assert!(heard(&trial.connected()).starts_with(b"GET "));
}
