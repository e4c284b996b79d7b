//! `--stdin`: raw requests on fd 0, one after the other; frames on fd 1. For shell pipelines and tests: nobody answers, nobody grants credit.

use fosse_counters::Counters;
use fosse_stage::{Gone, Output};
use fosse_wire::StreamId;
use fosse_wire::channel::Connection;

use crate::conn::{Conn, Phase};
use crate::lane::Lane;
use crate::limits::READ_BYTES_MAX;
use crate::settings::Settings;

/// How the pipeline ended, where it did not end well.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// What came was no request; the answer that parse would have given.
    Refused(String),
    /// Input ended within a request.
    Cut,
    /// The reader of the frames is gone.
    Reader(Gone),
    /// fd 0 cannot be read.
    Input(std::io::ErrorKind),
}

impl core::fmt::Display for Trouble {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(answer) => write!(out, "refused: {answer}"),
            Self::Cut => out.write_str("input ends within a request"),
            Self::Reader(gone) => write!(out, "{gone}"),
            Self::Input(kind) => write!(out, "unable to read fd 0: {kind}"),
        }
    }
}

/// Turns everything on `input` into frames. Each request has a stream of its own on slot 0.
///
/// # Errors
/// [`Trouble`]; all requests before it are on their way.
pub fn run(settings: Settings, mut input: impl std::io::Read, output: &mut Output) -> Result<(), Trouble> {
    let mut lane = Lane::new(settings, Counters::private(), 0);
    lane.credit_unlimited = true;
    lane.access.switch_off();
    let stream = StreamId::first(0).unwrap_or(StreamId::CONTROL);
    let mut conn = Conn::new(Connection::default(), stream, &lane);
    let mut buffer = vec![0; READ_BYTES_MAX];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Input(error.kind())),
        };
        conn.feed(buffer.get(..length).unwrap_or_default(), &mut lane, &mut output.outbox);
        while conn.phase == Phase::Answer {
            next(&mut conn);
            conn.resume(&mut lane, &mut output.outbox);
        }
        output.flush_waiting().map_err(Trouble::Reader)?;
        if conn.phase == Phase::Closing {
            return Err(Trouble::Refused(first_line(&conn.output)));
        }
        if length == 0 {
            let whole = conn.phase == Phase::Head && conn.input.is_empty();
            return if whole { Ok(()) } else { Err(Trouble::Cut) };
        }
    }
}

/// As if the answer had come.
fn next(conn: &mut Conn) {
    conn.exchange.open = false;
    conn.phase = Phase::Head;
    conn.scanned = 0;
    conn.line_skipped = false;
}

/// Status line and words of an answer.
fn first_line(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    format!("{status}, {}", lines.last().unwrap_or_default())
}
