//! `--stdin`: raw requests on fd 0, one after the other; frames on fd 1. For shell pipelines and
//! tests: no response comes, and no credit.

use std::fs::File;
use std::os::fd::OwnedFd;

use fosse_counters::Counters;
use fosse_die::{EXIT_PERMANENT, EXIT_TEMPORARY, Severity, say, temporary};
use fosse_stage::{Gone, Output};
use fosse_wire::StreamId;
use fosse_wire::channel::Connection;

use crate::PROGRAM;
use crate::conn::{Conn, HeadSearch, Phase};
use crate::limits::READ_BYTES_MAX;
use fosse_front::context::Context;
use fosse_front::settings::Settings;

/// The reason that a pipeline did not end well.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// The input was no request; holds the local response that a client would have got.
    Refused(String),
    /// Input ended within a request.
    Cut,
    /// The reader of the frames went.
    Reader(Gone),
    /// fd 0 cannot be read.
    Input(std::io::ErrorKind),
}

impl core::fmt::Display for Trouble {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(response) => write!(out, "refused: {response}"),
            Self::Cut => out.write_str("input ends within a request"),
            Self::Reader(gone) => write!(out, "{gone}"),
            Self::Input(kind) => write!(out, "unable to read fd 0: {kind}"),
        }
    }
}

/// Runs a pipeline to its end. A reader that has gone away is not worth a message.
pub fn serve((input, mut output): (OwnedFd, Output)) -> ! {
    match run(Settings::plain(), File::from(input), &mut output) {
        Ok(()) => std::process::exit(0),
        Err(Trouble::Reader(Gone::End)) => std::process::exit(EXIT_TEMPORARY),
        Err(trouble @ Trouble::Refused(_)) => {
            say(PROGRAM, Severity::Warning, trouble);
            std::process::exit(EXIT_PERMANENT)
        }
        Err(trouble) => temporary(PROGRAM, trouble),
    }
}

/// Turns everything on `input` into frames. Each request has a stream of its own on slot 0.
///
/// # Errors
/// [`Trouble`]; all requests before it are on their way.
fn run(settings: Settings, mut input: impl std::io::Read, output: &mut Output) -> Result<(), Trouble> {
    let mut context = Context::new(PROGRAM, settings, Counters::private(), 0);
    context.credit_unlimited = true;
    let stream = StreamId::first(0).unwrap_or(StreamId::CONTROL);
    let mut conn = Conn::new(Connection::default(), stream, &context);
    let mut buffer = vec![0; READ_BYTES_MAX];
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Trouble::Input(error.kind())),
        };
        conn.feed(&buffer[..length], &mut context, &mut output.outbox);
        while conn.phase == Phase::Response {
            next(&mut conn);
            conn.resume(&mut context, &mut output.outbox);
        }
        output.flush_waiting().map_err(Trouble::Reader)?;
        if conn.phase == Phase::Closing {
            return Err(Trouble::Refused(first_line(&conn.output.bytes)));
        }
        if length == 0 {
            let whole = conn.phase == Phase::Head && conn.input.is_empty();
            return if whole { Ok(()) } else { Err(Trouble::Cut) };
        }
    }
}

/// Goes on as if the response had come.
fn next(conn: &mut Conn) {
    conn.stream.exchange.open = false;
    conn.phase = Phase::Head;
    conn.search = HeadSearch::default();
}

/// Returns status line and text of a local response.
fn first_line(response: &[u8]) -> String {
    let text = String::from_utf8_lossy(response);
    let mut lines = text.lines();
    let status = lines.next().unwrap_or_default();
    format!("{status}, {}", lines.last().unwrap_or_default())
}
