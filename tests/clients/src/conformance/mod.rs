//! Conformance with RFC 9113 (HTTP/2) and RFC 7541 (HPACK): a row for each MUST that a client can
//! provoke, with what the RFC allows as an end.
//!
//! An end is `goaway CODE` or `close` of the connection, `reset CODE` of the stream, or a status,
//! also as a class (`4xx`); alternatives are joined by `|`. A connection error may be an end
//! without GOAWAY (RFC 9113, section 5.4.1), and a stream error may be treated as one of the
//! connection (section 5.4).

mod compression;
mod frames;
mod requests;
mod settings;
mod streams;
mod windows;

use std::{
    io,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use crate::http2::connection::{Connection, Target, preface};

/// What is expected may take this long: no machine is so slow or busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server may as well do nothing: so long is waited where that is among what is allowed.
const QUIET: Duration = Duration::from_millis(500);
/// Rows that run at a time.
const THREADS: usize = 8;

/// A malformed request (section 8.1.1): an error of the stream, before which a status may be sent.
const MALFORMED: &str = "reset PROTOCOL_ERROR|400|goaway PROTOCOL_ERROR|close";
/// An error of the connection.
const PROTOCOL: &str = "goaway PROTOCOL_ERROR|close";
/// A frame of a wrong size in a place where the whole connection is concerned (section 4.2).
const SIZE: &str = "goaway FRAME_SIZE_ERROR|close";
/// A field block that cannot be decoded (section 4.3).
const COMPRESSION: &str = "goaway COMPRESSION_ERROR|close";
/// Nothing is wrong: the request has its response.
const FINE: &str = "2xx";

/// The part of a row that a client plays.
pub enum Play {
    /// Sends the client's preface and these bytes, and looks at how the stream ends.
    Bytes(u32, fn(&Target) -> Vec<u8>),
    /// The same, with bytes in place of the preface as well.
    Raw(u32, fn(&Target) -> Vec<u8>),
    /// Does what a function does, which says how it ended. It has the client's preface behind it.
    Talk(fn(&Target, &mut Connection) -> io::Result<String>),
}

/// A row: its name, which begins with the RFC and its section, its play, and the ends allowed.
pub type Row = (&'static str, Play, &'static str);

/// Returns all rows.
pub fn rows() -> Vec<&'static Row> {
    let parts = [frames::ROWS, streams::ROWS, settings::ROWS, windows::ROWS, requests::ROWS, compression::ROWS];
    parts.into_iter().flatten().copied().flatten().collect()
}

/// Plays a row, and says how it ended. Where nothing is expected, that is waited for briefly.
///
/// # Errors
/// Where the server cannot be connected to.
pub fn play(target: &Target, row: &Row, expected: &str) -> io::Result<String> {
    let mut connection = target.connect(PATIENCE)?;
    let is_endless = ["silent", "without an end"].iter().any(|end| expected.contains(end));
    let patience = if is_endless { QUIET } else { PATIENCE };
    // A server that closes while it is still being written to has said what it thinks.
    let (stream, sent) = match row.1 {
        Play::Raw(stream, bytes) => (stream, connection.send(&bytes(target))),
        Play::Bytes(stream, bytes) => (stream, connection.send(&[preface(&[]), bytes(target)].concat())),
        Play::Talk(talk) => {
            connection.send(&preface(&[]))?;
            return Ok(talk(target, &mut connection).unwrap_or_else(|_| "close".into()));
        }
    };
    let _ = sent;
    let came = connection.outcome(stream, Instant::now() + patience);
    let is_response = came.len() == 3 && !fits(&came, expected);
    // A response that was faster than the error has been read.
    Ok(if is_response { connection.end_after(came, Instant::now() + QUIET) } else { came })
}

/// Returns whether an end is among those allowed.
#[must_use]
pub fn fits(came: &str, allowed: &str) -> bool {
    allowed.split('|').any(|way| match way.strip_suffix("xx") {
        Some(class) => came.len() == 3 && came.starts_with(class),
        None => came == way,
    })
}

/// Plays all rows, several at a time, of which `known` may expect another end: name, how it ended,
/// and what is allowed, in their order.
///
/// # Panics
/// Where the server cannot be connected to.
#[must_use]
pub fn run(
    target: &Target,
    known: impl Fn(&str) -> Option<&'static str> + Sync,
) -> Vec<(&'static str, String, &'static str)> {
    let rows = rows();
    let (next, found) = (Mutex::new(rows.iter().enumerate()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((at, row)) = next.lock().unwrap().next() else { return };
            let came =
                play(target, row, known(row.0).unwrap_or(row.2)).unwrap_or_else(|error| panic!("{}: {error}", row.0));
            found.lock().unwrap().push((at, came));
        }
    };
    thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let mut found = found.into_inner().unwrap();
    found.sort_unstable();
    found.into_iter().map(|(at, came)| (rows[at].0, came, rows[at].2)).collect()
}

/// The time until which something is waited for.
fn soon() -> Instant {
    Instant::now() + PATIENCE
}

/// The time until which something may come that should not.
fn quietly() -> Instant {
    Instant::now() + QUIET
}
