//! Request bodies that are buffered until their length is known, and those that must not be.

use std::os::fd::OwnedFd;

use fosse_settings::Backend;
use fosse_wire::{
    Kind, StreamId, fields,
    frame::ResetReason,
    request::{BodyLength, Endpoint, RequestHead},
    response::Cause,
    verdict,
};

use super::{Fixture, OK, backend, heard, id, post, say};
use crate::{
    events::on_frames,
    exchange::{
        limit::Limit,
        stream::{Buffering, Wait},
    },
};

fn chunked() -> RequestHead<'static> {
    RequestHead { body: BodyLength::Chunked, ..post() }
}

/// Returns the request that a backend was sent: the head, and what follows it.
fn request(server: &OwnedFd) -> (String, Vec<u8>) {
    let bytes = heard(server);
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a whole head") + 4;
    (String::from_utf8(bytes[..end].to_vec()).unwrap(), bytes[end..].to_vec())
}

impl Fixture {
    fn data(&mut self, id: StreamId, bytes: &[u8]) {
        self.to.outbox.data(id, Kind::RequestData, bytes);
        self.turn();
    }

    /// Lets the time limit of a stream pass, whatever the clock says.
    fn time_passes(&mut self, id: StreamId) {
        self.end_overdue(id);
        self.turn();
    }

    /// Sends a body of `length` bytes as parse does, never more than was granted; how far it came.
    fn upload(&mut self, id: StreamId, length: usize) -> usize {
        let mut sent = 0;
        while sent < length {
            let granted = 16_384 + usize::try_from(self.granted(id)).unwrap();
            let now = (granted - sent).min(length - sent);
            if now == 0 {
                break;
            }
            sent += now;
            self.data(id, &vec![b'x'; now]);
        }
        sent
    }
}

#[test]
fn a_chunked_body_that_ends_while_it_is_buffered_goes_on_with_its_length() {
    for parts in [&[][..], &[&b"a"[..]], &[b"hello ", b"world"]] {
        let mut fixture = Fixture::new(backend());
        fixture.send(id(0), &chunked());
        fixture.turn();
        for part in parts {
            fixture.data(id(0), part);
        }
        assert_eq!(fixture.asked(), None, "no connection is taken before the body has ended");
        fixture.end(id(0));
        fixture.turn();
        let (head, body) = request(&fixture.connected());
        assert_eq!(body, parts.concat());
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n\r\n", body.len())), "{head}");
        assert!(!head.contains("Transfer-Encoding"), "{head}");
        assert_eq!(fixture.server.shared.buffered_bytes, 0);
    }
}

#[test]
fn trailers_of_a_body_that_gets_a_length_are_left_out() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.data(id(0), b"abc");
    let mut trailers = Vec::new();
    fields::put(&mut trailers, [(&b"X-Checksum"[..], &b"1"[..])]).unwrap();
    fixture.to.outbox.raw(id(0), Kind::RequestEnd, &trailers);
    fixture.turn();
    let (head, body) = request(&fixture.connected());
    assert!(head.contains("Content-Length: 3") && !head.contains("X-Checksum"), "{head}");
    assert_eq!(body, b"abc");
}

#[test]
fn a_chunked_body_too_long_to_buffer_goes_on_chunked() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.turn();
    assert_eq!(fixture.upload(id(0), 65_536), 65_536);
    assert_eq!(fixture.asked(), None, "64 KiB are buffered");
    fixture.data(id(0), b"y");
    let server = fixture.connected();
    let (head, body) = request(&server);
    assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n\r\n") && !head.contains("Content-Length"), "{head}");
    assert!(body.starts_with(b"10001\r\nxx") && body.ends_with(b"xxy\r\n"), "one chunk of 65,537 bytes");
    fixture.data(id(0), b"more");
    fixture.end(id(0));
    fixture.turn();
    assert_eq!(heard(&server), b"4\r\nmore\r\n0\r\n\r\n");
    assert_eq!(fixture.server.shared.buffered_bytes, 0);
}

#[test]
fn a_chunked_body_that_pauses_goes_on_chunked_as_far_as_it_is() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.data(id(0), b"first");
    assert_eq!(fixture.limit(id(0)).unwrap().0, Limit::Pause);
    fixture.time_passes(id(0));
    let server = fixture.connected();
    let (head, body) = request(&server);
    assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    assert_eq!(body, b"5\r\nfirst\r\n");
    fixture.data(id(0), b"second");
    fixture.end(id(0));
    fixture.turn();
    assert_eq!(heard(&server), b"6\r\nsecond\r\n0\r\n\r\n");
    say(&server, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(0)), [200]);
}

#[test]
fn every_byte_of_a_buffered_body_gives_the_client_its_time_again() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.turn();
    let stream = fixture.server.streams.get(id(0)).unwrap();
    assert_eq!((stream.wait, stream.buffering), (Wait::RequestBody, Buffering::Brief));
    stream.timer.stop();
    fixture.to.outbox.data(id(0), Kind::RequestData, b"a");
    fixture.to.flush(&fixture.peers, 1).unwrap();
    let (inputs, clients, streams, mut lane) = fixture.server.parts(&fixture.event_loop, &fixture.counters);
    let (_, input) = inputs.of(0).unwrap();
    on_frames(input, clients, streams, &mut lane).unwrap();
    assert_eq!(fixture.limit(id(0)), Some((Limit::Pause, 1000)));
}

#[test]
fn what_may_wait_for_the_server_is_never_buffered() {
    let fields: [(&[u8], &[u8]); 4] = [
        (b"Upgrade", b"tcp"),
        (b"Upgrade", b"h2c, websocket"),
        (b"Content-Type", b"application/grpc"),
        (b"Content-Type", b"Application/gRPC+proto"),
    ];
    for field in fields {
        let mut fixture = Fixture::new(backend());
        fixture.send_with(id(0), &chunked(), Some(field));
        fixture.turn();
        let (head, _) = request(&fixture.connected());
        assert!(head.contains("Transfer-Encoding: chunked"), "{head}");
    }
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &RequestHead { expect_continue: true, ..chunked() });
    fixture.turn();
    let (head, _) = request(&fixture.connected());
    assert!(head.contains("Transfer-Encoding: chunked") && head.contains("Expect: 100-continue"), "{head}");
}

#[test]
fn what_only_looks_so_is_buffered() {
    for field in [(&b"Upgrade"[..], &b"h2c"[..]), (b"Content-Type", b"application/json"), (b"Content-Type", b"a")] {
        let mut fixture = Fixture::new(backend());
        fixture.send_with(id(0), &chunked(), Some(field));
        fixture.data(id(0), b"abc");
        fixture.end(id(0));
        fixture.turn();
        assert!(request(&fixture.connected()).0.contains("Content-Length: 3"));
    }
}

#[test]
fn a_body_with_a_length_goes_on_as_it_comes() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &RequestHead { body: BodyLength::Exact(9), ..post() });
    fixture.data(id(0), b"abc");
    assert!(request(&fixture.connected()).0.contains("Content-Length: 9"));
}

#[test]
fn a_chunked_body_that_a_filter_held_whole_gets_its_length_however_long_it_is() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &RequestHead { held: 90_000, expect_continue: true, ..chunked() });
    for _ in 0..3 {
        fixture.data(id(0), &[b'x'; 30_000]);
    }
    assert_eq!(fixture.server.shared.buffered_bytes, 0, "held bytes are counted once");
    fixture.end(id(0));
    fixture.turn();
    let (head, body) = request(&fixture.connected());
    assert!(head.contains("Content-Length: 90000"), "{head}");
    assert!(body.iter().all(|b| *b == b'x') && !body.is_empty());
}

#[test]
fn a_client_that_dies_in_a_buffered_body_leaves_nothing_for_a_backend() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.data(id(0), b"half of");
    assert_eq!(fixture.server.shared.buffered_bytes, 7);
    fixture.to.outbox.reset(id(0), ResetReason::Client);
    fixture.turn();
    assert_eq!(fixture.asked(), None);
    assert_eq!((fixture.server.shared.buffered_bytes, fixture.server.streams.len()), (0, 0));
}

#[test]
fn a_client_that_dies_after_a_pause_leaves_a_body_without_its_end() {
    let mut fixture = Fixture::new(backend());
    fixture.send(id(0), &chunked());
    fixture.data(id(0), b"half of");
    fixture.time_passes(id(0));
    let server = fixture.connected();
    assert!(request(&server).0.contains("Transfer-Encoding: chunked"));
    fixture.to.outbox.reset(id(0), ResetReason::Client);
    fixture.turn();
    assert_eq!(heard(&server), b"", "no last chunk");
}

#[test]
fn a_buffered_body_is_sent_again_where_its_method_allows_that() {
    let mut fixture = Fixture::new(Backend { server_count: 2, ..backend() });
    fixture.send(id(0), &RequestHead { method: b"PUT", ..chunked() });
    fixture.data(id(0), b"abc");
    fixture.end(id(0));
    fixture.turn();
    let first = fixture.connected();
    let sent = heard(&first);
    drop(first);
    fixture.turn();
    let second = fixture.connected();
    assert_eq!(heard(&second), sent);
    say(&second, OK);
    fixture.turn();
    assert_eq!(fixture.statuses(id(0)), [200]);
}

fn from(last: u8, held: u32) -> RequestHead<'static> {
    let addr = std::net::Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped().octets();
    RequestHead { client: Endpoint { addr, port: 1 }, held, ..chunked() }
}

#[test]
fn memory_that_is_used_up_costs_the_source_that_uses_most_of_it() {
    let mut fixture = Fixture::new(backend());
    // 150,000 bytes are there: 2 x 50,000 of one source, 45,000 of another, which adds what is too
    // much.
    for (slot, client, length) in [(0, 1, 50_000), (1, 1, 50_000), (2, 2, 45_000)] {
        fixture.send(id(slot), &from(client, 0));
        fixture.turn();
        assert_eq!(fixture.upload(id(slot), length), length);
    }
    assert_eq!(fixture.server.shared.buffered_bytes, 145_000);
    fixture.data(id(2), &[b'x'; 5_000]);
    assert_eq!(fixture.server.shared.buffered_bytes, 150_000);
    fixture.data(id(2), b"y");
    assert_eq!(fixture.server.shared.buffered_bytes, 100_001);
    fixture.end(id(2));
    fixture.turn();
    let refused: Vec<bool> = (0..3).map(|slot| fixture.statuses(id(slot)) == [503]).collect();
    assert_eq!(refused.iter().filter(|r| **r).count(), 1, "{refused:?}");
    let causes: Vec<Cause> = [id(0), id(1)].iter().flat_map(|id| fixture.causes(*id)).collect();
    assert_eq!(causes, [Cause::BufferFull]);
    assert!(!refused[2] && request(&fixture.connected()).0.contains("Content-Length: 50001"));
}

#[test]
fn bodies_of_a_filter_that_no_server_takes_cost_the_source_that_has_most_of_them_and_not_who_comes_next() {
    let mut fixture = Fixture::new(backend());
    // 100,000 bytes may be there.
    for (slot, client, held) in [(0, 1, 40_000), (1, 1, 45_000), (2, 2, 15_000), (3, 3, 0)] {
        fixture.send(id(slot), &from(client, held));
    }
    fixture.turn();
    assert_eq!(fixture.server.shared.held_bytes, 100_000);
    fixture.send(id(4), &from(4, 1));
    fixture.turn();
    assert_eq!(fixture.server.shared.held_bytes, 55_001);
    let refused: Vec<u32> = (0..5).filter(|slot| fixture.statuses(id(*slot)) == [503]).collect();
    assert_eq!(refused, [1]);
    assert_eq!(fixture.causes(id(1)), [Cause::Denied(verdict::Cause::Memory)]);
}

#[test]
fn what_a_filter_has_of_a_body_is_granted_to_the_filter_and_the_rest_to_the_client() {
    let mut fixture = Fixture::new(backend());
    let head = RequestHead { released: true, held: 20_000, body: BodyLength::Exact(90_000), ..post() };
    fixture.send(id(0), &head);
    fixture.turn();
    let server = fixture.connected();
    let released = |fixture: &Fixture| -> u32 {
        let of = |got: &&super::Got| got.1 == Kind::ReleaseCredit;
        fixture.got.iter().filter(of).map(|got| u32::from_le_bytes(got.2[..].try_into().unwrap())).sum()
    };
    fixture.data(id(0), &[b'x'; 10_000]);
    assert_eq!((released(&fixture), fixture.granted(id(0))), (10_000, 0));
    fixture.data(id(0), &[b'x'; 12_000]);
    assert_eq!((released(&fixture), fixture.granted(id(0))), (20_000, 2_000));
    assert_eq!(fixture.server.shared.held_bytes, 0, "the filter counts it");
    assert!(request(&server).1.len() == 22_000);
}
