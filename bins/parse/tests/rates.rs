//! Responses that are sent no faster than the configuration says. A client counts what it has at
//! each moment against what it may have by then: a slow machine makes that less, never more.

mod lane;

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use fosse_settings::{Parse, ParseListener, ParsePolicy};
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::{Kind, StreamId};
use lane::{GET, Lane, SOON, policy, readable, settings};

/// What may be saved: a piece, or a sixteenth of a second.
const SAVED: u64 = 8192;
const END: &[u8] = b"\r\n0\r\n\r\n";

fn of_responses(rate: u64, after: u64) -> Parse {
    let rates =
        ParsePolicy { response_bytes_per_second: rate, response_rate_after_bytes: after, ..ParsePolicy::default() };
    Parse { policies: vec![ParsePolicy { methods: policy().methods, body_bytes_max: u64::MAX, ..rates }], ..settings() }
}

/// Reads a chunked response to its end, in a thread: at no moment there is more than `free` bytes,
/// and those of `rate` for the time since then.
fn read(mut client: TcpStream, begun: Instant, rate: u64, free: u64) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
        while !all.ends_with(END) {
            match client.read(&mut bytes) {
                Ok(count @ 1..) => all.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                cut => panic!("{cut:?} after {} bytes", all.len()),
            }
            let most = free + u64::try_from(begun.elapsed().as_micros()).unwrap() * rate / 1_000_000;
            assert!(all.len() as u64 <= most, "{} bytes where {most} are due", all.len());
        }
        all
    })
}

/// Sends `length` bytes in all for each of these streams, as far as parse has room for them.
fn send(lane: &mut Lane, streams: &[StreamId], length: usize) {
    let head = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    let mut left: Vec<(StreamId, usize)> = streams.iter().map(|stream| (*stream, length)).collect();
    for stream in streams {
        lane.head(*stream, &head, &[]);
        give(lane, &mut left, *stream, 16_384);
    }
    while !left.is_empty() {
        assert!(readable(lane.forward.as_ref().unwrap(), SOON), "no credit comes");
        let forward = lane.forward.as_mut().unwrap();
        forward.read().unwrap();
        let mut granted = Vec::new();
        while let Some(frame) = forward.next_frame().unwrap() {
            match frame.kind {
                Kind::ResponseCredit => granted.push((frame.stream, frame.credit().unwrap() as usize)),
                // That of a client that has gone.
                kind => assert!(kind == Kind::Reset && !streams.contains(&frame.stream)),
            }
        }
        granted.into_iter().for_each(|(stream, credit)| give(lane, &mut left, stream, credit));
    }
}

fn give(lane: &mut Lane, left: &mut Vec<(StreamId, usize)>, stream: StreamId, credit: usize) {
    let Some(at) = left.iter().position(|(one, _)| *one == stream) else { return };
    let count = credit.min(left[at].1);
    lane.data(stream, &vec![b'x'; count]);
    left[at].1 -= count;
    if left[at].1 == 0 {
        left.remove(at);
        lane.end(stream, 0);
    }
}

fn body_of(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'x').count()
}

#[test]
fn a_response_with_a_rate_comes_whole_and_never_faster() {
    let rate = 128 * 1024;
    for after in [0, 40_000] {
        let mut lane = Lane::new(&of_responses(rate, after));
        let begun = Instant::now();
        let client = lane.client_saying(GET);
        let request = lane.request();
        assert!(request.head().paced);
        let reader = read(client, begun, rate, SAVED + after);
        send(&mut lane, &[request.stream], 150_000);
        assert_eq!(body_of(&reader.join().unwrap()), 150_000);
    }
}

#[test]
fn who_is_slow_by_a_rate_alone_is_not_ended_by_the_limit_of_slow_readers() {
    let write_seconds = Duration::from_millis(100);
    let mut lane = Lane::new(&Parse { write_seconds, ..of_responses(16_384, 0) });
    let begun = Instant::now();
    let client = lane.client_saying(GET);
    let stream = lane.request().stream;
    let reader = read(client, begun, 16_384, SAVED);
    // A piece takes five times as long as a client may stand still.
    send(&mut lane, &[stream], 40_000);
    assert_eq!(body_of(&reader.join().unwrap()), 40_000);
}

#[test]
fn who_takes_nothing_of_what_a_rate_lets_go_is_ended() {
    let write_seconds = Duration::from_millis(300);
    let mut lane = Lane::new(&Parse { write_seconds, ..of_responses(1 << 30, 0) });
    let client = lane.client_saying(GET);
    let stream = lane.request().stream;
    lane.head(stream, &ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() }, &[]);
    lane.data(stream, &[b'x'; 16_384]);
    loop {
        assert!(readable(lane.forward.as_ref().unwrap(), SOON), "it waits for ever");
        let forward = lane.forward.as_mut().unwrap();
        forward.read().unwrap();
        let mut credit = 0;
        while let Some(frame) = forward.next_frame().unwrap() {
            match frame.kind {
                Kind::ResponseCredit => credit += frame.credit().unwrap() as usize,
                kind => return assert_eq!((kind, frame.stream), (Kind::Reset, stream)),
            }
        }
        lane.data(stream, &vec![b'x'; credit]);
        assert!(client.peer_addr().is_ok());
    }
}

#[test]
fn all_connections_of_a_source_have_its_rate_together_and_those_that_go_leave_it_to_the_others() {
    let rate = 256 * 1024;
    let listener = ParseListener { source_bytes_per_second: rate, ..ParseListener::default() };
    let mut lane = Lane::new(&Parse { listeners: vec![listener], ..settings() });
    let begun = Instant::now();
    let (mut clients, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        clients.push(lane.client_saying(GET));
        streams.push(lane.request().stream);
    }
    // One goes at once, whether its turn has come or not.
    let gone = streams.remove(3);
    drop(clients.remove(3));
    let readers: Vec<_> = clients.into_iter().map(|client| read(client, begun, rate, SAVED * 2)).collect();
    let head = ResponseHead { status: 200, body: BodyLength::Chunked, ..Default::default() };
    lane.head(gone, &head, &[]);
    lane.data(gone, &[b'x'; 16_000]);
    lane.end(gone, 0);
    send(&mut lane, &streams, 40_000);
    let all: usize = readers.into_iter().map(|reader| body_of(&reader.join().unwrap())).sum();
    let most = 2 * SAVED + u64::try_from(begun.elapsed().as_micros()).unwrap() * rate / 1_000_000;
    assert!(all == 9 * 40_000 && all as u64 <= most, "{all} bytes where {most} are due");
}

#[test]
fn a_lease_of_a_response_with_a_rate_ends_the_ring() {
    let mut lane = Lane::new(&of_responses(1 << 20, 0));
    let client = lane.client_saying(GET);
    let stream = lane.request().stream;
    let head = ResponseHead { status: 200, body: BodyLength::Exact(100_000), lease: true, ..Default::default() };
    lane.head(stream, &head, &[]);
    assert_eq!(lane.exit().code(), Some(111));
    drop(client);
}
