//! No client ever gets another's response, or a part that looks whole, however requests are cut,
//! pipelined and abandoned.

mod lane;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fosse_http1::{ChunkedDecoder, HeadLimits, Piece, ResponseBody, ResponseHead as Parsed, find_head_end};
use fosse_stage::{Input, Output};
use fosse_wire::channel::{self, Connection};
use fosse_wire::frame::ResetReason;
use fosse_wire::request::{BodyLength, RequestHead};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::{Kind, StreamId};
use lane::{Lane, SOON, readable, settings};

/// Responses after which the mix has come up often enough.
const ENOUGH_WHOLE: u64 = 5000;

/// No new requests.
static ENOUGH: AtomicBool = AtomicBool::new(false);
/// No requests are under way either.
static STOP: AtomicBool = AtomicBool::new(false);
static WHOLE: AtomicU64 = AtomicU64::new(0);

/// A small generator of numbers that are not quite the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The response to a target.
fn body_of(target: &str) -> String {
    target.repeat(1 + target.len() * target.bytes().map(usize::from).sum::<usize>() % 97)
}

/// Responds in any order, in any framing, in any pieces.
fn dispatch(mut input: Input, mut output: Output) {
    let mut dice = Dice(77);
    let mut open: HashMap<StreamId, (String, bool)> = HashMap::new();
    while !STOP.load(Ordering::Relaxed) {
        if readable(&input, Duration::from_millis(1)) {
            match input.read() {
                Ok(_) => {}
                Err(gone) => panic!("parse is gone: {gone}"),
            }
        }
        while let Some(frame) = input.next_frame().unwrap() {
            match frame.kind {
                Kind::Request => {
                    let target = RequestHead::decode(frame.body).unwrap().target.to_vec();
                    let old = open.insert(frame.stream, (String::from_utf8(target).unwrap(), false));
                    assert_eq!(old, None, "a stream id that lives is given again");
                }
                Kind::RequestEnd => open.get_mut(&frame.stream).unwrap().1 = true,
                Kind::Reset => {
                    if open.remove(&frame.stream).is_some() {
                        output.outbox.reset(frame.stream, ResetReason::Echo);
                    }
                }
                Kind::RequestData | Kind::ResponseCredit => {}
                kind => panic!("{kind:?}"),
            }
        }
        let ready: Vec<StreamId> = open.iter().filter(|(_, (_, ended))| *ended).map(|(id, _)| *id).collect();
        for stream in ready.into_iter().filter(|_| dice.roll(3) > 0).collect::<Vec<_>>() {
            let (target, _) = open.remove(&stream).unwrap();
            respond(&mut output, stream, &body_of(&target), &mut dice);
        }
        output.flush_waiting().unwrap();
    }
}

fn respond(output: &mut Output, stream: StreamId, body: &str, dice: &mut Dice) {
    let chunked = dice.roll(2) == 0;
    let length = if chunked { BodyLength::Chunked } else { BodyLength::Exact(body.len() as u64) };
    let head = ResponseHead { status: 200, body: length, ..Default::default() };
    output.outbox.frame(stream, Kind::Response, |bytes| head.encode(bytes)).unwrap();
    for part in body.as_bytes().chunks(1 + dice.roll(4000) as usize) {
        output.outbox.data(stream, Kind::ResponseData, part);
        if dice.roll(8) == 0 {
            output.flush_waiting().unwrap();
        }
    }
    if dice.roll(20) == 0 {
        output.outbox.reset(stream, ResetReason::Backend);
    } else {
        output.outbox.frame(stream, Kind::ResponseEnd, |bytes| ResponseEnd::default().encode(bytes)).unwrap();
    }
}

/// Passes every connection on, as accept does.
fn accept(listener: &TcpListener, channel: &OwnedFd) {
    listener.set_nonblocking(true).unwrap();
    let (mut id, mut message, mut bytes) = (0, Vec::new(), [0; channel::MESSAGE_BYTES_MAX]);
    while !STOP.load(Ordering::Relaxed) {
        while let Ok((socket, _)) = listener.accept() {
            id += 1;
            channel::encode(&mut message, channel::Kind::Connections, &[Connection { id, ..Default::default() }]);
            fosse_fdpass::send(channel, &message, &[socket.as_fd()]).unwrap();
        }
        while let Ok(fosse_fdpass::Received::Message(_)) = fosse_fdpass::receive(channel, &mut bytes, &mut Vec::new()) {
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Pipelines requests in random pieces and leaves at any point.
fn client(address: SocketAddr, number: u64) {
    let mut dice = Dice(number + 1);
    let mut serial = 0;
    while !ENOUGH.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let targets: Vec<String> = (0..1 + dice.roll(6)).map(|at| format!("/{number}-{serial}-{at}")).collect();
        serial += 1;
        let mut text = String::new();
        for target in &targets {
            text += &match dice.roll(3) {
                0 => format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n"),
                1 => format!("POST {target} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello"),
                _ => format!(
                    "POST {target} HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
                ),
            };
        }
        let leaves = dice.roll(4) == 0;
        let end = if leaves { dice.roll(text.len() as u64) as usize } else { text.len() };
        let mut parts = text.as_bytes()[..end].chunks(1 + dice.roll(120) as usize);
        // A write that fails takes the news of a reset with it: a read after it would see a clean
        // end.
        let reset = parts.any(|part| stream.write_all(part).is_err());
        if leaves || reset {
            if dice.roll(2) == 0 {
                let mut some = vec![0; dice.roll(3000) as usize];
                stream.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                let _ = stream.read(&mut some);
            }
            let _ = stream.shutdown(Shutdown::Both);
            continue;
        }
        check(&mut stream, &targets);
    }
}

/// Each response is whole and belongs to its request, up to the first that ends in a reset.
fn check(stream: &mut TcpStream, targets: &[String]) {
    let mut got = Vec::new();
    for target in targets {
        let Some(body) = read_response(stream, &mut got) else { return };
        assert_eq!(String::from_utf8_lossy(&body), body_of(target));
        WHOLE.fetch_add(1, Ordering::Relaxed);
    }
    assert!(got.is_empty(), "bytes that were not requested");
}

/// One response; `None` where the connection was reset.
fn read_response(stream: &mut TcpStream, got: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = loop {
        match find_head_end(got, 0).unwrap() {
            Some(end) => break end,
            None => more(stream, got)?,
        }
    };
    let head: Vec<u8> = got.drain(..end).collect();
    let framing = Parsed::parse(&head, false, &HeadLimits::DEFAULT).unwrap().body;
    let mut body = Vec::new();
    match framing {
        ResponseBody::Exact(length) => {
            while (got.len() as u64) < length {
                more(stream, got)?;
            }
            body.extend(got.drain(..length as usize));
        }
        ResponseBody::Chunked => {
            let mut decoder = ChunkedDecoder::new();
            while !decoder.is_end() {
                let (used, piece) = decoder.next(got).unwrap();
                if let Piece::Data(data) = piece {
                    body.extend_from_slice(data);
                }
                let starved = piece == Piece::More;
                got.drain(..used);
                if starved {
                    more(stream, got)?;
                }
            }
        }
        other => panic!("{other:?}"),
    }
    Some(body)
}

/// Reads some more. A clean end within a response is what must never be.
fn more(stream: &mut TcpStream, got: &mut Vec<u8>) -> Option<()> {
    let mut bytes = [0; 8192];
    match stream.read(&mut bytes) {
        Ok(0) => panic!("a clean end before the response is whole: {:?}", String::from_utf8_lossy(got)),
        Ok(count) => {
            got.extend_from_slice(&bytes[..count]);
            Some(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_response_is_whole_and_reaches_its_own_client() {
    let mut lane = Lane::new(&fosse_settings::Parse { access_log: false, ..settings() });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Before anybody connects: a connection inherits it when it is made.
    rustix::net::sockopt::set_socket_linger(&listener, Some(Duration::ZERO)).unwrap();
    let address = listener.local_addr().unwrap();
    let (input, output) = (lane.forward.take().unwrap(), lane.back.take().unwrap());
    let channel = lane.accept.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| dispatch(input, output));
        scope.spawn(|| accept(&listener, &channel));
        let clients: Vec<_> = (0..8).map(|number| scope.spawn(move || client(address, number))).collect();
        let begun = Instant::now();
        while WHOLE.load(Ordering::Relaxed) < ENOUGH_WHOLE
            && !clients.iter().any(|client| client.is_finished())
            && begun.elapsed() < SOON
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        ENOUGH.store(true, Ordering::Relaxed);
        let outcomes: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        STOP.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok));
    });
    let whole = WHOLE.load(Ordering::Relaxed);
    assert!(whole >= ENOUGH_WHOLE, "{whole} responses");
}
