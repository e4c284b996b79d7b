//! Responses whose clients read slowly, or not at all: the server is let go, within bounds.

use std::os::fd::OwnedFd;

use fosse_counters::dispatch as count;
use fosse_settings::Backend;
use fosse_wire::{
    Kind,
    frame::ResetReason,
    request::{Endpoint, RequestHead},
    response::ResponseEnd,
};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, SocketType, recv, send, sockopt::set_socket_send_buffer_size},
};

use super::{Fixture, OK, backend, get, heard, id, pair, say};
use crate::{exchange::stream::Wait, limits, slow_clients};

const BODY_BYTES: usize = 1 << 20;

fn address(number: u32) -> Endpoint {
    let last = u8::try_from(number % 3).unwrap();
    Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, last], port: 1 }
}

/// The body of a response, of which no two parts are alike.
fn body() -> Vec<u8> {
    (0..BODY_BYTES / 4).flat_map(|n| u32::try_from(n).unwrap().to_le_bytes()).collect()
}

impl Fixture {
    /// Does what the tick does for clients that take nothing.
    fn read_ahead(&mut self) {
        let (_, _, streams, mut lane) = self.server.parts(&self.event_loop, &self.counters);
        slow_clients::read_ahead(streams, &mut lane);
        self.server.flush(&self.event_loop, &self.counters).unwrap();
    }

    /// Lets a server send bytes as fast as dispatch takes them. Returns the number that it took.
    fn serve(&mut self, server: &OwnedFd, bytes: &[u8]) -> usize {
        let (mut sent, mut had) = (0, u64::MAX);
        while sent < bytes.len() {
            match send(server, &bytes[sent..], SendFlags::DONTWAIT) {
                Ok(count) => sent += count,
                Err(Errno::AGAIN) if had != self.server.shared.ahead.bytes() => {}
                Err(_) => break,
            }
            had = self.server.shared.ahead.bytes();
            self.turn_within(Some(0));
            self.read_ahead();
        }
        sent
    }

    /// Asks for a large response, up to the lease: the server, and the client, whose socket takes
    /// next to nothing.
    fn leased(&mut self) -> (OwnedFd, OwnedFd) {
        self.leased_as(0)
    }

    /// Does so for another client and stream; every third has the same address.
    fn leased_as(&mut self, number: u32) -> (OwnedFd, OwnedFd) {
        let connection = 7 + u64::from(number);
        self.send(id(number), &RequestHead { connection, client: address(number), ..get() });
        self.turn();
        let server = self.connected();
        assert!(!heard(&server).is_empty());
        say(&server, format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY_BYTES}\r\n\r\n").as_bytes());
        self.turn();
        let (client, theirs) = pair(SocketType::STREAM);
        set_socket_send_buffer_size(&theirs, 4096).unwrap();
        self.server.clients.insert(connection, theirs, 0);
        self.to.outbox.raw(id(number), Kind::Lease, b"");
        self.turn();
        (server, client)
    }

    /// Lets the client read until its stream is over.
    fn client_reads(&mut self, client: &OwnedFd) -> Vec<u8> {
        let mut got = Vec::new();
        while self.server.streams.get(id(0)).is_some() {
            got.extend(heard(client));
            self.turn();
        }
        got.extend(heard(client));
        got
    }

    /// The end of the response.
    fn response_end(&self) -> Option<ResponseEnd<'_>> {
        let end = self.got.iter().find(|got| got.0 == id(0) && got.1 == Kind::ResponseEnd);
        end.map(|got| ResponseEnd::decode(&got.2).unwrap())
    }

    fn reset(&self) -> Option<ResetReason> {
        let reset = self.got.iter().find(|got| got.0 == id(0) && got.1 == Kind::Reset);
        reset.map(|got| ResetReason::from_byte(got.2[0]).unwrap())
    }

    fn idle_connections(&self) -> usize {
        self.server.upstream.servers[0].idle.len()
    }
}

#[test]
fn a_server_is_done_with_a_response_that_its_client_does_not_read() {
    let mut fixture = Fixture::new(backend());
    let (server, client) = fixture.leased();
    assert_eq!(fixture.serve(&server, &body()), BODY_BYTES);
    assert_eq!((fixture.idle_connections(), fixture.counters.get(count::READ_AHEAD)), (1, 1));
    assert!(fixture.response_end().is_none());
    // The next request has the connection while the first client has read nothing.
    fixture.send(id(1), &RequestHead { connection: 8, ..get() });
    fixture.turn();
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(1)), [200]);
    assert!(fixture.client_reads(&client) == body(), "all of it, in order");
    assert_eq!(fixture.response_end().unwrap().leased_bytes, u64::try_from(BODY_BYTES).unwrap());
    assert_eq!(fixture.server.shared.ahead.bytes(), 0);
}

#[test]
fn a_tick_reads_no_more_ahead_than_its_part_and_the_next_one_goes_on() {
    let mut fixture = Fixture::new(Backend { connections_max: 100, ..backend() });
    let part = limits::AHEAD_TICK_BYTES_MAX;
    let all: Vec<_> = (0..64).map(|number| fixture.leased_as(number)).collect();
    let body = body();
    let fill = || all.iter().for_each(|(server, _)| while send(server, &body, SendFlags::DONTWAIT).is_ok() {});
    fill();
    // The clients take nothing any more.
    fixture.turn_within(Some(0));
    fill();
    let before = fixture.server.shared.ahead.bytes();
    fixture.read_ahead();
    let first = fixture.server.shared.ahead.bytes();
    let most = before + part + u64::try_from(limits::LEASE_TURN_BYTES_MAX).unwrap();
    assert!((before + part..most).contains(&first), "{before} {first}");
    let read = |fixture: &Fixture| fixture.server.streams.iter().filter(|stream| stream.reads_ahead).count();
    let of_first = read(&fixture);
    assert!(of_first < all.len() / 2 + 1, "{of_first}");
    // Those that had their part have more of it to come.
    fill();
    fixture.read_ahead();
    assert!(fixture.server.shared.ahead.bytes() > first);
    let of_second = read(&fixture) - of_first;
    assert!(of_second * 2 > of_first, "{of_first} and {of_second}: the others come first now");
}

#[test]
fn a_chunked_response_is_read_to_its_end_with_what_parse_has_not_granted() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &get());
    fixture.turn();
    let server = fixture.connected();
    assert!(!heard(&server).is_empty());
    let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n".to_vec();
    body().chunks(5000).for_each(|part| fosse_http1::write_chunk(&mut response, part));
    response.extend_from_slice(b"0\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(fixture.serve(&server, &response), response.len());
    assert_eq!(fixture.idle_connections(), 1, "the server is let go");
    let mut got = Vec::new();
    loop {
        for frame in fixture.got.extract_if(.., |got| got.1 == Kind::ResponseData) {
            got.extend_from_slice(&frame.2);
        }
        if fixture.response_end().is_some() {
            break;
        }
        fixture.to.outbox.credit(id(0), Kind::ResponseCredit, 10_000);
        fixture.turn();
    }
    assert!(got == body(), "all of it, in order");
    assert_eq!(fixture.response_end().unwrap().trailers.into_iter().count(), 1);
}

#[test]
fn without_memory_the_server_waits_for_the_client_and_nothing_is_lost() {
    let mut fixture = Fixture::new(backend());
    fixture.server.shared.ahead = fosse_source::Budget::new(200_000);
    let (server, client) = fixture.leased();
    let body = body();
    let sent = fixture.serve(&server, &body);
    assert!(sent < BODY_BYTES && fixture.idle_connections() == 0, "{sent}");
    let taken = fixture.server.shared.ahead.bytes();
    assert!((80_000..=100_000).contains(&taken), "a source alone gets half: {taken}");
    let (mut at, mut got) = (sent, Vec::new());
    while fixture.server.streams.get(id(0)).is_some() {
        got.extend(heard(&client));
        fixture.turn_within(Some(0));
        at += fixture.serve(&server, &body[at..]);
    }
    got.extend(heard(&client));
    assert!(got == body, "all of it, in order");
}

#[test]
fn a_client_that_takes_nothing_or_too_little_in_write_seconds_is_gone() {
    for trickle in [false, true] {
        let mut fixture = Fixture::new(backend());
        let (server, client) = fixture.leased();
        fixture.serve(&server, &body());
        let stream = fixture.server.streams.get(id(0)).unwrap();
        assert_eq!(stream.wait, Wait::Client);
        let taken = if trickle { limits::WRITE_PROGRESS_BYTES_MIN / 4 } else { 0 };
        let mut some = vec![0; usize::try_from(taken).unwrap()];
        let _ = recv(&client, &mut some[..], RecvFlags::DONTWAIT);
        fixture.end_overdue(id(0));
        fixture.turn();
        assert_eq!(fixture.reset(), Some(ResetReason::Client));
        assert_eq!(fixture.counters.get(count::SLOW_CLIENTS), 1);
        assert_eq!(fixture.server.shared.ahead.bytes(), 0);
    }
}

#[test]
fn a_slow_client_that_takes_enough_stays() {
    let mut fixture = Fixture::new(backend());
    let (server, client) = fixture.leased();
    fixture.serve(&server, &body());
    let mut got = Vec::new();
    while fixture.server.streams.get(id(0)).is_some() {
        got.extend(heard(&client));
        // The end of its time comes before the kernel has said that there is room.
        if let Some(stream) = fixture.server.streams.get(id(0)) {
            stream.limit_bytes = stream.leased_bytes.saturating_sub(limits::WRITE_PROGRESS_BYTES_MIN);
        }
        fixture.end_overdue(id(0));
    }
    got.extend(heard(&client));
    assert!(got == body() && fixture.reset().is_none());
}

#[test]
fn a_client_that_goes_away_gives_back_what_was_read_for_it() {
    let mut fixture = Fixture::new(backend());
    let (server, client) = fixture.leased();
    fixture.serve(&server, &body());
    assert!(fixture.server.shared.ahead.bytes() > 0);
    drop(client);
    fixture.turn();
    assert_eq!((fixture.server.shared.ahead.bytes(), fixture.reset()), (0, Some(ResetReason::Client)));
}

#[test]
fn a_response_that_breaks_off_while_it_is_read_ahead_does_not_look_whole() {
    let mut fixture = Fixture::new(backend());
    let (server, client) = fixture.leased();
    fixture.serve(&server, &body()[..BODY_BYTES / 2]);
    drop(server);
    while fixture.server.streams.get(id(0)).is_some_and(|stream| !stream.response_ended) {
        fixture.turn();
        fixture.read_ahead();
    }
    assert_eq!((fixture.reset(), fixture.response_end().is_some()), (Some(ResetReason::Backend), false));
    drop(client);
}

#[test]
fn a_source_with_more_than_its_part_makes_room_and_one_with_its_part_does_not() {
    let client = |n| Endpoint { addr: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, n], port: 1 };
    let mut fixture = Fixture::new(Backend { connections_max: 2, ..backend() });
    fixture.server.shared.ahead = fosse_source::Budget::new(0);
    let mut servers = Vec::new();
    for slot in 0..2 {
        fixture.send(id(slot), &RequestHead { client: client(1), ..get() });
        fixture.turn();
        servers.push(fixture.connected());
        say(servers.last().unwrap(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n");
        say(servers.last().unwrap(), &[b'x'; 30_000]);
        fixture.turn();
    }
    let reset = |fixture: &Fixture, slot| fixture.got.iter().any(|got| got.0 == id(slot) && got.1 == Kind::Reset);
    // Another one of the same source waits, and takes nothing from its own.
    fixture.send(id(2), &RequestHead { client: client(1), ..get() });
    fixture.turn();
    assert!(!reset(&fixture, 0) && !reset(&fixture, 1));
    fixture.server.streams.get(id(1)).unwrap().taken_ms += 1000;
    fixture.send(id(3), &RequestHead { client: client(2), ..get() });
    fixture.turn();
    fixture.turn_within(Some(0));
    assert!(reset(&fixture, 0), "the one that has stood still longest makes room");
    let server = fixture.connected();
    fixture.turn_within(Some(0));
    say(&server, OK);
    fixture.turn();
    assert_eq!((fixture.statuses(id(3)), reset(&fixture, 1)), (vec![200], false));
}
