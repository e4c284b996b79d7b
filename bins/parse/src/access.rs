//! The access log: one JSON object a line for each response, collected during a turn and written at
//! its end.

use std::io::Write as _;
use std::os::fd::OwnedFd;

use fosse_http1::RequestHead;
use fosse_wire::request::Endpoint;

use crate::exchange::Exchange;
use crate::limits::{ACCESS_BYTES_MAX, LOGGED_TARGET_BYTES_MAX};

/// A pipe takes a write of this many bytes whole or not at all (pipe(7), PIPE_BUF).
const PIPE_WRITE_BYTES_MAX: usize = 4096;

/// The pipe of the log, and the lines that wait for it. Without a pipe it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct AccessLog {
    pipe: Option<OwnedFd>,
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
    pub(crate) request: u64,
    /// accept's number of the connection.
    pub(crate) connection: u64,
    /// The client.
    pub(crate) client: Endpoint,
    /// The socket's peer.
    pub(crate) peer: Endpoint,
    /// Name of the site.
    pub(crate) site: &'a str,
}

impl AccessLog {
    /// Logs to `pipe`, which must not block.
    pub(crate) const fn new(pipe: Option<OwnedFd>) -> Self {
        Self { pipe, lines: Vec::new(), dropped: 0 }
    }

    /// Returns whether anything is logged.
    pub(crate) const fn is_on(&self) -> bool {
        self.pipe.is_some()
    }

    /// Begins a line in `record`, with all that is known when the head has come.
    pub(crate) fn begin(&self, record: &mut Vec<u8>, who: &Who<'_>, head: &RequestHead<'_>) {
        if self.is_on() {
            record.clear();
            put_who(record, who);
            put_text(record, "host", head.host.name());
            put_text(record, "method", head.method);
            put_text(record, "target", head.target);
        }
    }

    /// Ends the line of `record` and queues it.
    pub(crate) fn end(&mut self, record: &mut Vec<u8>, exchange: &Exchange, end: End) {
        if self.is_on() && !record.is_empty() {
            put_facts(record, exchange, end);
            self.queue(record);
            record.clear();
        }
    }

    /// Queues the line of a local response to something that was no request.
    pub(crate) fn refused(&mut self, who: &Who<'_>, status: u16, why: &str) {
        if self.is_on() {
            let mut line = Vec::new();
            put_who(&mut line, who);
            put_number(&mut line, "status", u64::from(status));
            put_text(&mut line, "why", why.as_bytes());
            line.extend_from_slice(b"}\n");
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
    pub(crate) fn flush(&mut self) {
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
    pub(crate) fn take_dropped(&mut self) -> u64 {
        core::mem::take(&mut self.dropped)
    }
}

/// Returns as many whole lines as one write takes. `queue` keeps lines below that size.
fn whole_lines(lines: &[u8]) -> &[u8] {
    let window = &lines[..lines.len().min(PIPE_WRITE_BYTES_MAX)];
    let end = window.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &window[..end]
}

fn put_who(line: &mut Vec<u8>, who: &Who<'_>) {
    // Writing into a Vec cannot fail.
    let _ = write!(line, "{{\"request\":\"{:016x}\",\"connection\":{}", who.request, who.connection);
    put_address(line, "client", &who.client);
    put_address(line, "peer", &who.peer);
    put_text(line, "site", who.site.as_bytes());
}

fn put_facts(line: &mut Vec<u8>, exchange: &Exchange, end: End) {
    put_number(line, "status", u64::from(exchange.status));
    put_number(line, "bytes_in", exchange.bytes_in);
    put_number(line, "bytes_out", exchange.bytes_out);
    put_number(line, "us", fosse_eventloop::clock_us() - exchange.begun_us);
    if exchange.backend != fosse_wire::response::BACKEND_NONE {
        put_number(line, "server", u64::from(exchange.backend));
        put_number(line, "server_us", u64::from(exchange.backend_us));
        put_number(line, "retries", u64::from(exchange.retries));
    }
    if exchange.denied {
        put_number(line, "rule", u64::from(exchange.rule));
    }
    let _ = writeln!(line, ",\"end\":\"{}\"}}", end.word());
}

fn put_number(line: &mut Vec<u8>, name: &str, number: u64) {
    let _ = write!(line, ",\"{name}\":{number}");
}

fn put_address(line: &mut Vec<u8>, name: &str, endpoint: &Endpoint) {
    let _ = match endpoint.ip() {
        Some(ip) => write!(line, ",\"{name}\":\"{ip}\""),
        None => write!(line, ",\"{name}\":\"unix\""),
    };
}

/// Text as JSON: everything but plain ASCII is escaped, each byte by itself, as it may be no UTF-8.
fn put_text(line: &mut Vec<u8>, name: &str, text: &[u8]) {
    let _ = write!(line, ",\"{name}\":\"");
    for byte in text.iter().take(LOGGED_TARGET_BYTES_MAX) {
        let _ = match byte {
            b'"' | b'\\' => line.write_all(&[b'\\', *byte]),
            0x20..=0x7e => line.write_all(&[*byte]),
            byte => write!(line, "\\u{byte:04x}"),
        };
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_client_can_end_a_string_or_a_line() {
        let mut line = Vec::new();
        put_text(&mut line, "t", b"a\"b\\c\nd\xff\x7f");
        assert_eq!(line, b",\"t\":\"a\\\"b\\\\c\\u000ad\\u00ff\\u007f\"");
    }

    #[test]
    fn whole_lines_are_written_and_what_does_not_fit_is_counted() {
        let (reader, pipe) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
        let mut log = AccessLog::new(Some(pipe));
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
