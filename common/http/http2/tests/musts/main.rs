//! What a client must not do, a row for each MUST of RFC 9113 (and of 7541, 8441, 9218) that one
//! can break: what happens to the stream or the connection, and by which code.

#[path = "../client/mod.rs"]
mod client;
mod frames;
mod requests;
mod smuggled;

use client::*;
use fosse_http2::Code::{self, Protocol};
use frames::frames;
use requests::requests;
use smuggled::smuggled;

/// What has to happen.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// GOAWAY with the code, and the end.
    Connection(Code),
    /// RST_STREAM of that stream with the code; other streams go on.
    Stream(u32, Code),
    /// Nothing: it is ignored.
    Ignored,
}
use Then::{Connection, Ignored, Stream};

struct Row {
    source: &'static str,
    what: &'static str,
    bytes: Vec<u8>,
    then: Then,
}

fn row(source: &'static str, what: &'static str, bytes: Vec<u8>, then: Then) -> Row {
    Row { source, what, bytes, then }
}

/// Frames one after the other.
fn all(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.concat()
}

/// A request on stream 1 with these fields in place of the usual.
fn request(fields: &[(&str, &str)]) -> Vec<u8> {
    headers(1, END_STREAM, fields)
}

/// The usual request with fields behind.
fn with(fields: &[(&str, &str)]) -> Vec<u8> {
    request(&[PLAIN, fields].concat())
}

/// An upload with trailers.
fn trailers(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    all(&[post(1), headers(1, flags, fields)])
}

/// Does what a row says on an agreed connection, and tells what is wrong about what happens.
fn check(row: &Row, cut: usize) -> Result<(), String> {
    let mut client = Client::agreed();
    let mut broken = None;
    let mut told = Vec::new();
    for part in row.bytes.chunks(cut) {
        let (more, why) = client.try_send(part);
        told.extend(more);
        broken = broken.or(why);
        if broken.is_some() {
            break;
        }
    }
    let frames = client.received();
    let last = frames.iter().rev().find(|frame| frame.kind == GOAWAY || frame.kind == RST_STREAM);
    match row.then {
        Connection(expected) => {
            let goaway = last.filter(|frame| frame.kind == GOAWAY).ok_or(format!("no GOAWAY: {told:?}"))?;
            let same = broken.is_some_and(|why| why.code == expected) && code(goaway) == expected as u32;
            return if same { Ok(()) } else { Err(format!("{broken:?}")) };
        }
        Stream(stream, expected) => {
            let reset =
                last.filter(|frame| frame.kind == RST_STREAM).ok_or(format!("no RST_STREAM: {broken:?} {told:?}"))?;
            if (reset.stream, code(reset)) != (stream, expected as u32) {
                return Err(format!("{reset:?}"));
            }
        }
        Ignored if last.is_some() => return Err(format!("{last:?}")),
        Ignored => {}
    }
    if row.what.contains("more streams") {
        return Ok(());
    }
    // The connection goes on.
    match client.send(&get(1001)).as_deref() {
        Ok([Told::Request(..)]) => Ok(()),
        other => Err(format!("afterwards {other:?}")),
    }
}

#[test]
fn each_must_that_a_client_breaks_has_its_consequence() {
    let rows: Vec<Row> = frames().into_iter().chain(requests()).chain(smuggled()).collect();
    assert!(rows.len() > 300, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        for cut in [1, 7, usize::MAX] {
            if let Err(why) = check(row, cut) {
                wrong.push(format!("{} {} (in pieces of {cut}): {why}", row.source, row.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_malformed_request_never_becomes_a_head() {
    for row in requests().into_iter().chain(smuggled()) {
        let (told, _) = Client::agreed().try_send(&row.bytes);
        let is_upload = row.bytes.starts_with(&post(1)) || row.source == "8.1.1";
        let requests = told.iter().filter(|told| matches!(told, Told::Request(..))).count();
        let ended = told.iter().any(|told| matches!(told, Told::Ended(_)));
        assert!(!ended && (is_upload || requests == 0), "{} {}: {told:?}", row.source, row.what);
    }
}

#[test]
fn the_beginning_has_to_be_the_preface_and_settings() {
    let settings = frame(SETTINGS, 0, 0, &[]);
    for (what, bytes) in [
        ("3.4: HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("3.4: a preface with another byte", [&PREFACE[..23], b"x"].concat()),
        ("3.4: another frame first", [PREFACE, &frame(PING, 0, 0, &[0; 8])].concat()),
        ("3.4: an acknowledgement first", [PREFACE, &frame(SETTINGS, ACK, 0, &[])].concat()),
        ("3.4: a request first", [PREFACE, &get(1)].concat()),
    ] {
        assert_eq!(Client::fresh().send(&bytes).map_err(|why| why.code), Err(Protocol), "{what}");
    }
    let mut client = Client::fresh();
    for byte in [PREFACE, &settings, &get(1)].concat().chunks(1) {
        client.send(byte).unwrap();
    }
    let kinds: Vec<(u8, u8)> = client.received().iter().map(|frame| (frame.kind, frame.flags)).collect();
    assert_eq!(kinds, [(SETTINGS, 0), (SETTINGS, ACK)]);
}
