//! Entry points for a fuzzing driver: both directions of a connection, with any bytes.

use fosse_counters::Counters;
use fosse_http1::{HeadLimits, ResponseBody, ResponseHead as Parsed, find_head_end};
use fosse_wire::channel::Connection;
use fosse_wire::order::Forward;
use fosse_wire::request::{BodyLength, RequestHead};
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::{Frame, Kind, Outbox, StreamId};

use fosse_front::context::Context;
use fosse_front::response::Way;
use fosse_front::settings::Settings;
use fosse_parse::conn::{Conn, Phase};

fn connection() -> (Conn, Context) {
    let mut context = Context::new("fosse-parse", Settings::plain(), Counters::private(), 0);
    context.credit_unlimited = true;
    let stream = StreamId::first(1).unwrap_or(StreamId::CONTROL);
    (Conn::new(Connection::default(), stream, &context), context)
}

/// What one run gave: the frames, data joined; and whether the connection was refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    frames: Vec<(StreamId, Kind, Vec<u8>)>,
    refused: bool,
}

/// Checks that client bytes give the same frames however they are cut, that the frames are in
/// order, and that no head holds a byte that could end a line.
///
/// # Panics
/// On a broken promise.
pub fn inbound(data: &[u8]) {
    let (step, data) = data.split_first().map_or((1, data), |(first, rest)| (usize::from(*first).max(1), rest));
    let whole = requests(data, data.len().max(1));
    assert_eq!(whole, requests(data, step), "cut every {step} bytes");
    let mut state = Forward::Ended;
    for (_, kind, body) in &whole.frames {
        if *kind == Kind::Request {
            assert_eq!(state, Forward::Ended, "one request at a time");
            state = Forward::Idle;
            let head = RequestHead::decode(body).expect("a head that was written can be read");
            for (name, value) in head.fields {
                assert!(fosse_http1::is_token(name) && fosse_http1::is_value(value));
            }
            assert!(fosse_http1::is_target(head.target) && !head.host.is_empty());
        }
        state = state.after(*kind).expect("frames are in order");
    }
}

fn requests(data: &[u8], step: usize) -> Transcript {
    let (mut conn, mut context) = connection();
    let mut out = Outbox::default();
    for part in data.chunks(step) {
        conn.feed(part, &mut context, &mut out);
        while conn.phase == Phase::Response {
            conn.stream.exchange.open = false;
            conn.phase = Phase::Head;
            conn.resume(&mut context, &mut out);
        }
    }
    let mut transcript = Transcript { refused: conn.phase == Phase::Closing, ..Transcript::default() };
    let mut rest = out.pending();
    while let Ok(Some((frame, used))) = Frame::split(rest) {
        rest = rest.get(used..).unwrap_or_default();
        match transcript.frames.last_mut() {
            Some((stream, Kind::RequestData, body)) if frame.kind == Kind::RequestData && *stream == frame.stream => {
                body.extend_from_slice(frame.body);
            }
            _ => transcript.frames.push((frame.stream, frame.kind, frame.body.to_vec())),
        }
    }
    transcript
}

/// Checks that whatever frames come back, a client sees whole responses, or no clean end.
///
/// # Panics
/// On a broken promise.
pub fn outbound(data: &[u8]) {
    let (mut conn, mut context) = connection();
    let mut out = Outbox::default();
    let to_head = data.first().is_some_and(|first| first & 1 == 1);
    let way = if data.first().is_some_and(|first| first & 2 == 2) { Way::Encode } else { Way::Ring };
    let method = if to_head { "HEAD" } else { "GET" };
    conn.feed(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), &mut context, &mut out);
    let stream = conn.stream.id;
    let mut seen = Vec::new();
    for op in data.get(1..).unwrap_or_default().chunks(4) {
        let mut response = Outbox::default();
        put_frame(&mut response, stream, op);
        let Ok(Some((frame, _))) = Frame::split(response.pending()) else { return };
        if conn.on_frame(&frame, way, &mut context, &mut out).is_err() {
            return;
        }
        seen.extend_from_slice(&conn.output.bytes);
        conn.all_written(false, &mut context, &mut out);
        if conn.phase == Phase::Head {
            assert!(is_whole(&seen, to_head), "{}", String::from_utf8_lossy(&seen));
            return;
        }
    }
}

/// Makes a frame of four bytes, often a sensible one.
fn put_frame(out: &mut Outbox, stream: StreamId, op: &[u8]) {
    let [kind, a, b, c] = *op else { return };
    let length = match b % 3 {
        0 => BodyLength::None,
        1 => BodyLength::Exact(u64::from(c)),
        _ => BodyLength::Chunked,
    };
    let value = [a, b, c];
    let field = [(&b"X-Any"[..], if a < 128 { &b"plain"[..] } else { &value[..] })];
    let interim = a & 4 == 4;
    let status = if interim { 103 } else { [200, 204, 304, 404].get(usize::from(a & 3)).copied().unwrap_or(200) };
    let head = ResponseHead { status, interim, body: length, ..ResponseHead::default() };
    let _ = match kind % 6 {
        0 | 1 => out.frame(stream, Kind::Response, |body| {
            head.encode_fixed(body);
            fosse_wire::fields::put(body, field)
        }),
        2 | 3 => out.frame(stream, Kind::ResponseData, |body| {
            body.resize(body.len().saturating_add(usize::from(c)), b'x');
            Ok(())
        }),
        4 => out.frame(stream, Kind::ResponseEnd, |body| ResponseEnd::default().encode(body)),
        _ => out.frame(stream, Kind::from_byte(a).unwrap_or(Kind::Reset), |body| {
            body.extend_from_slice(&[b, c]);
            Ok(())
        }),
    };
}

/// Reads the bytes as a client does: interim heads, one head, one body, nothing after it.
fn is_whole(mut seen: &[u8], to_head: bool) -> bool {
    loop {
        let Ok(Some(end)) = find_head_end(seen, 0) else { return false };
        let Some((head, rest)) = seen.split_at_checked(end) else { return false };
        let Ok(parsed) = Parsed::parse(head, to_head, &HeadLimits::DEFAULT) else { return false };
        seen = rest;
        if parsed.status >= 200 {
            return match parsed.body {
                ResponseBody::None => rest.is_empty(),
                ResponseBody::Exact(length) => u64::try_from(rest.len()) == Ok(length),
                ResponseBody::Chunked => chunks_are_whole(rest),
                ResponseBody::UntilClose => false,
            };
        }
    }
}

fn chunks_are_whole(mut rest: &[u8]) -> bool {
    let mut decoder = fosse_http1::ChunkedDecoder::new();
    while let Ok((used, piece)) = decoder.next(rest) {
        rest = rest.get(used..).unwrap_or_default();
        match piece {
            fosse_http1::Piece::Data(_) => {}
            fosse_http1::Piece::More => return false,
            fosse_http1::Piece::End => return rest.is_empty(),
        }
    }
    false
}
