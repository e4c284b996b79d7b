//! A server that tests are run against: bytes out, a response back, and the lines of its log
//! between two markers.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use fosse_die::{fatal, usage};
use fosse_ftw::{Expectation, Failure, Observation, Stage, Test, build, check, native, rule_ids};

use super::response::{is_whole, status};
use crate::PROGRAM;

/// Seconds after which a silent server has sent its whole response.
const RESPONSE_SECONDS_MAX: u64 = 5;
/// Milliseconds after which a marker that is not in the log is sent again.
const MARKER_MILLISECONDS_MAX: u64 = 500;
/// Times that a marker is sent.
const MARKER_TIMES_MAX: u32 = 6;
/// Microseconds between two reads of the log.
const LOOK_MICROSECONDS: u64 = 200;
/// Bytes of a response that are read.
const RESPONSE_BYTES_MAX: usize = 4 << 20;
/// Header whose value a rule of the server writes to its log, as go-ftw has it.
const MARKER_HEADER: &str = "X-CRS-Test";

/// The server that requests go to.
pub(crate) struct Server {
    address: SocketAddr,
    host: String,
    log: Option<Log>,
}

impl Server {
    /// Takes `http://HOST[:PORT][/]`, and a log file if there is one.
    ///
    /// # Errors
    /// One line where the server or its log cannot be reached.
    pub(crate) fn of(url: &str, log: Option<&str>) -> Result<Self, String> {
        let Some(host) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
            usage(PROGRAM, &format!("--url: '{url}' is not http://HOST:PORT"))
        };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
        let address = found.unwrap_or_else(|| fatal(PROGRAM, format_args!("{address}: no such host")));
        let mut server = Self { address, host: host.to_owned(), log: log.map(Log::open).transpose()? };
        server.mark_log()?;
        Ok(server)
    }

    /// Runs a test. Returns its failures, and those it would have had `before` an override.
    ///
    /// # Errors
    /// One line where the server or its log cannot be reached.
    pub(crate) fn test(&mut self, test: &Test, before: Option<&Test>) -> Result<(Vec<Failure>, Vec<Failure>), String> {
        let (mut now, mut then) = (Vec::new(), Vec::new());
        for (at, stage) in test.stages.iter().enumerate() {
            let (response, log) = self.stage(stage)?;
            now.extend(self.failures(&stage.output, &response, &log));
            if let Some(stage) = before.and_then(|test| test.stages.get(at)) {
                then.extend(self.failures(&stage.output, &response, &log));
            }
        }
        Ok((now, then))
    }

    fn stage(&mut self, stage: &Stage) -> Result<(Vec<u8>, String), String> {
        let response = exchange(&mut self.connect()?, &build(&stage.input));
        Ok((response, self.mark_log()?))
    }

    fn failures(&self, expected: &Expectation, response: &[u8], log: &str) -> Vec<Failure> {
        let status = status(response);
        // A server that ends the connection has refused it as much as one that says 400.
        if expected.expect_error && status == 0 {
            return Vec::new();
        }
        if self.log.is_none() {
            return check(&by_response(expected), &Observation { status, ids: &[], log: &[], response });
        }
        let (ids, log) = (rule_ids(log), native(log));
        check(expected, &Observation { status, ids: &ids, log: &log, response })
    }

    fn connect(&self) -> Result<TcpStream, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", self.address);
        let limit = Duration::from_secs(RESPONSE_SECONDS_MAX);
        let stream = TcpStream::connect_timeout(&self.address, limit).map_err(wrong)?;
        stream.set_read_timeout(Some(limit)).and_then(|()| stream.set_nodelay(true)).map_err(wrong)?;
        Ok(stream)
    }

    /// Has a marker written to the log; returns the lines between the last one and this.
    fn mark_log(&mut self) -> Result<String, String> {
        let Some(mut log) = self.log.take() else { return Ok(String::new()) };
        for _ in 0..MARKER_TIMES_MAX {
            let marker = log.next_marker();
            let host = &self.host;
            let request = format!(
                "GET /status/200 HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fosse\r\nAccept: */*\r\n{MARKER_HEADER}: {marker}\r\nConnection: close\r\n\r\n"
            );
            exchange(&mut self.connect()?, request.as_bytes());
            if let Some(text) = log.until(&marker)? {
                self.log = Some(log);
                return Ok(text);
            }
        }
        Err(format!("{}: no marker comes into it; a rule of the server must log the header {MARKER_HEADER}", log.path))
    }
}

/// Sends a request and reads its response.
fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    // A server may respond and close before it has read everything: its response counts, not that
    // writing failed.
    let _ = stream.write_all(bytes);
    let mut response = Vec::new();
    let mut part = [0; 16384];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        response.extend_from_slice(&part[..count]);
        if is_whole(&response) || response.len() > RESPONSE_BYTES_MAX {
            break;
        }
    }
    response
}

/// Returns the part of an expectation that the response of a server that blocks shows: a rule that
/// must match denies, others do not.
fn by_response(expected: &Expectation) -> Expectation {
    let denied = (!expected.expect_ids.is_empty()).then_some(403);
    let response_contains = expected.response_contains.clone();
    Expectation { status: expected.status.or(denied), response_contains, ..Expectation::default() }
}

/// A log that grows.
struct Log {
    path: String,
    file: File,
    /// Bytes that were read after the last marker.
    text: Vec<u8>,
    markers: u32,
}

impl Log {
    /// Reads the log from its present end on.
    fn open(path: &str) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("{path}: {error}");
        let mut file = File::open(path).map_err(wrong)?;
        file.seek(SeekFrom::End(0)).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), file, text: Vec::new(), markers: 0 })
    }

    fn next_marker(&mut self) -> String {
        self.markers += 1;
        format!("fosse-{}-{}-", std::process::id(), self.markers)
    }

    /// Returns the text before the line with this marker; `None` if it does not come in time.
    fn until(&mut self, marker: &str) -> Result<Option<String>, String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(MARKER_MILLISECONDS_MAX) {
            self.file.read_to_end(&mut self.text).map_err(|error| format!("{}: {error}", self.path))?;
            if let Some(before) = self.before(marker.as_bytes()) {
                return Ok(Some(before));
            }
            std::thread::sleep(Duration::from_micros(LOOK_MICROSECONDS));
        }
        Ok(None)
    }

    fn before(&mut self, marker: &[u8]) -> Option<String> {
        let at = self.text.windows(marker.len()).position(|part| part == marker)?;
        let end = at + self.text[at..].iter().position(|byte| *byte == b'\n')? + 1;
        let lines: Vec<u8> = self.text.drain(..end).collect();
        let line = lines[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Some(String::from_utf8_lossy(&lines[..line]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_at_its_markers() {
        let dir = fosse_harness::Dir::new();
        let path = dir.join("log");
        std::fs::write(&path, "old\n").unwrap();
        let mut log = Log::open(&path.to_string_lossy()).unwrap();
        let write =
            |text: &str| std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes());
        write("one\nx m-1-\ntwo\nthr").unwrap();
        assert_eq!(log.until("m-1-").unwrap().as_deref(), Some("one\n"));
        write("ee\ny m-2- z\n").unwrap();
        assert_eq!(log.until("m-2-").unwrap().as_deref(), Some("two\nthree\n"));
    }

    #[test]
    fn without_a_log_a_rule_that_must_match_must_deny() {
        let expected = Expectation { expect_ids: vec![7], ..Expectation::default() };
        assert_eq!(by_response(&expected).status, Some(403));
        assert_eq!(by_response(&Expectation { status: Some(400), ..expected }).status, Some(400));
        assert_eq!(by_response(&Expectation { no_expect_ids: vec![7], ..Expectation::default() }).status, None);
    }
}
