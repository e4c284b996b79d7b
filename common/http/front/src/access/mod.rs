//! The access log: one line for each response, collected during a turn and written at its end.

mod record;

use std::os::fd::OwnedFd;

use fosse_handshake::Handshake;
use fosse_settings::Parse;
use fosse_wire::request::Endpoint;

pub(crate) use record::Record;

use self::record::Form;
use crate::exchange::Exchange;
use crate::limits::ACCESS_BYTES_MAX;
use crate::refused::Refused;
use crate::request::Request;

/// A pipe takes a write of this many bytes whole or not at all (pipe(7), PIPE_BUF).
const PIPE_WRITE_BYTES_MAX: usize = 4096;

/// The pipe of the log, and the lines that wait for it. Without a pipe it costs nothing.
#[derive(Debug, Default)]
pub struct AccessLog {
    pipe: Option<OwnedFd>,
    form: Form,
    lines: Vec<u8>,
    dropped: u64,
}

/// The end of an exchange, as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The whole response was handed to the kernel or to dispatch.
    Complete,
    /// The client went away.
    Client,
    /// The ring or the backend did.
    Reset,
    /// A time limit ran out.
    Timeout,
}

impl End {
    const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Client => "client",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
        }
    }
}

/// The beginning of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    /// Number of the request, 0 for what never became one.
    pub request: u64,
    /// Its name, where a trusted proxy gave it one.
    pub request_id: Option<&'a [u8]>,
    /// accept's number of the connection.
    pub connection: u64,
    /// The client.
    pub client: Endpoint,
    /// The socket's peer.
    pub peer: Endpoint,
    /// Name of the site.
    pub site: &'a str,
    /// TLS handshake of the client.
    pub handshake: Handshake<'a>,
}

impl AccessLog {
    /// Logs to `pipe`, which must not block.
    pub fn new(pipe: Option<OwnedFd>, settings: &Parse) -> Self {
        Self { pipe, form: Form::new(settings), lines: Vec::new(), dropped: 0 }
    }

    /// Returns whether anything is logged.
    pub const fn is_on(&self) -> bool {
        self.pipe.is_some()
    }

    /// Begins a line in `record`, with all that is known when the head has come.
    pub(crate) fn begin(&self, record: &mut Record, who: &Who<'_>, request: &Request<'_>) {
        if self.is_on() {
            record.begin(self.form, who, request);
        }
    }

    /// Ends the line of `record` and queues it. `server` is the name of the server that responded,
    /// `why` says why this process did.
    pub(crate) fn end(&mut self, record: &mut Record, exchange: &Exchange, end: End, server: &str, why: &str) {
        if self.is_on() && !record.is_empty() {
            self.queue(record.end(self.form, exchange, end, server, why));
            record.clear();
        }
    }

    /// Queues the line of a local response to something that was no request.
    pub(crate) fn refused(&mut self, who: &Who<'_>, host: &[u8], refused: Refused) {
        if self.is_on() {
            let mut line = Vec::new();
            self.form.refused(&mut line, who, host, refused);
            self.queue(&line);
        }
    }

    fn queue(&mut self, line: &[u8]) {
        if line.len() > PIPE_WRITE_BYTES_MAX || self.lines.len() + line.len() > ACCESS_BYTES_MAX {
            self.dropped += 1;
        } else {
            self.lines.extend_from_slice(line);
        }
    }

    /// Writes what the pipe takes now.
    pub fn flush(&mut self) {
        let Some(pipe) = &self.pipe else { return };
        let mut written = 0;
        while written < self.lines.len() {
            match rustix::io::write(pipe, whole_lines(&self.lines[written..])) {
                Ok(count) => written += count,
                // It is full, or has no reader: lines are dropped once too many wait.
                Err(_) => break,
            }
        }
        self.lines.drain(..written);
    }

    /// Returns the number of lines dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        core::mem::take(&mut self.dropped)
    }
}

/// Returns as many whole lines as one write takes. `queue` keeps lines below that size.
fn whole_lines(lines: &[u8]) -> &[u8] {
    let window = &lines[..lines.len().min(PIPE_WRITE_BYTES_MAX)];
    let end = window.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &window[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_written_and_what_does_not_fit_is_counted() {
        let (reader, pipe) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let mut log = AccessLog::new(Some(pipe), &Parse::default());
        let line = [&[b'x'; 99][..], b"\n"].concat();
        for _ in 0..2000 {
            log.queue(&line);
        }
        assert_eq!(log.take_dropped(), 2000 - 655);
        assert_eq!(log.take_dropped(), 0);
        let (mut bytes, mut all) = ([0; 4000], Vec::new());
        while !log.lines.is_empty() {
            log.flush();
            while let Ok(count @ 1..) = rustix::io::read(&reader, &mut bytes) {
                assert_eq!(count % line.len(), 0);
                all.extend_from_slice(&bytes[..count]);
            }
        }
        assert_eq!(all, line.repeat(655));
    }
}
