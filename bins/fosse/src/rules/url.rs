//! A server that tests are run against: bytes out, a response back, and what its log says between
//! two marks.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use fosse_die::{fatal, usage};
use fosse_ftw::{Expectation, Failure, Happened, Stage, Test, build, check, native, rule_ids};

use super::response::{is_whole, status};
use crate::PROGRAM;

/// A server that says nothing for so long has said all.
const RESPONSE_SECONDS_MAX: u64 = 5;
/// A mark that is not in the log by then was lost on its way, and is sent again.
const MARK_MILLISECONDS_MAX: u64 = 500;
/// So often; then it will never come.
const MARK_TIMES_MAX: u32 = 6;
/// Between two looks at the log.
const LOOK_MICROSECONDS: u64 = 200;
/// More of a response is not looked at.
const RESPONSE_BYTES_MAX: usize = 4 << 20;
/// The header by which go-ftw marks its place in a log; a rule of the set-up writes its value
/// there.
const MARK: &str = "X-CRS-Test";

/// Where requests go.
pub(crate) struct Server {
    address: SocketAddr,
    host: String,
    log: Option<Log>,
}

impl Server {
    /// `http://HOST[:PORT][/]`, and a log file if there is one.
    ///
    /// # Errors
    /// What keeps it from being asked.
    pub(crate) fn of(url: &str, log: Option<&str>) -> Result<Self, String> {
        let Some(host) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
            usage(PROGRAM, &format!("--url: '{url}' is not http://HOST:PORT"))
        };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        let found = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.next();
        let address = found.unwrap_or_else(|| fatal(PROGRAM, format_args!("{address}: no such host")));
        let mut server = Self { address, host: host.to_owned(), log: log.map(Log::open).transpose()? };
        server.mark()?;
        Ok(server)
    }

    /// Runs a test. What failed, of what it expects and of what it expected `before` an override.
    ///
    /// # Errors
    /// What keeps the server from being asked.
    pub(crate) fn test(&mut self, test: &Test, before: Option<&Test>) -> Result<(Vec<Failure>, Vec<Failure>), String> {
        let (mut now, mut then) = (Vec::new(), Vec::new());
        for (at, stage) in test.stages.iter().enumerate() {
            let (response, log) = self.stage(stage)?;
            now.extend(self.judged(&stage.output, &response, &log));
            if let Some(stage) = before.and_then(|test| test.stages.get(at)) {
                then.extend(self.judged(&stage.output, &response, &log));
            }
        }
        Ok((now, then))
    }

    fn stage(&mut self, stage: &Stage) -> Result<(Vec<u8>, String), String> {
        let response = exchange(&mut self.connect()?, &build(&stage.input));
        Ok((response, self.mark()?))
    }

    fn judged(&self, expected: &Expectation, response: &[u8], log: &str) -> Vec<Failure> {
        let status = status(response);
        // A server that ends the connection has refused it as much as one that says 400.
        if expected.expect_error && status == 0 {
            return Vec::new();
        }
        if self.log.is_none() {
            return check(&by_response(expected), &Happened { status, ids: &[], log: &[], response });
        }
        let (ids, log) = (rule_ids(log), native(log));
        check(expected, &Happened { status, ids: &ids, log: &log, response })
    }

    fn connect(&self) -> Result<TcpStream, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", self.address);
        let limit = Duration::from_secs(RESPONSE_SECONDS_MAX);
        let stream = TcpStream::connect_timeout(&self.address, limit).map_err(wrong)?;
        stream.set_read_timeout(Some(limit)).and_then(|()| stream.set_nodelay(true)).map_err(wrong)?;
        Ok(stream)
    }

    /// Leaves a mark in the log, and returns what came before it since the last one.
    fn mark(&mut self) -> Result<String, String> {
        let Some(mut log) = self.log.take() else { return Ok(String::new()) };
        for _ in 0..MARK_TIMES_MAX {
            let mark = log.next_mark();
            let host = &self.host;
            let request = format!(
                "GET /status/200 HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fosse\r\nAccept: */*\r\n{MARK}: {mark}\r\nConnection: close\r\n\r\n"
            );
            exchange(&mut self.connect()?, request.as_bytes());
            if let Some(text) = log.until(&mark)? {
                self.log = Some(log);
                return Ok(text);
            }
        }
        Err(format!("{}: no mark comes into it; a rule of the server must log the header {MARK}", log.path))
    }
}

/// Sends a request and reads its response. The server may respond and close before it has read
/// everything; what it said counts.
fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let _ = stream.write_all(bytes);
    let mut response = Vec::new();
    let mut part = [0; 16384];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        response.extend_from_slice(part.get(..count).unwrap_or_default());
        if is_whole(&response) || response.len() > RESPONSE_BYTES_MAX {
            break;
        }
    }
    response
}

/// What of an expectation shows in the response of a server that blocks: a rule that must match
/// denies, others do not.
fn by_response(expected: &Expectation) -> Expectation {
    let denied = (!expected.expect_ids.is_empty()).then_some(403);
    let response_contains = expected.response_contains.clone();
    Expectation { status: expected.status.or(denied), response_contains, ..Expectation::default() }
}

/// A log that grows.
struct Log {
    path: String,
    file: File,
    /// What was read and is not behind the last mark.
    text: Vec<u8>,
    marks: u32,
}

impl Log {
    /// From its present end on.
    fn open(path: &str) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("{path}: {error}");
        let mut file = File::open(path).map_err(wrong)?;
        file.seek(SeekFrom::End(0)).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), file, text: Vec::new(), marks: 0 })
    }

    fn next_mark(&mut self) -> String {
        self.marks = self.marks.wrapping_add(1);
        format!("fosse-{}-{}-", std::process::id(), self.marks)
    }

    /// The text before the line with this mark; nothing if it does not come in time.
    fn until(&mut self, mark: &str) -> Result<Option<String>, String> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(MARK_MILLISECONDS_MAX) {
            self.file.read_to_end(&mut self.text).map_err(|error| format!("{}: {error}", self.path))?;
            if let Some(before) = self.before(mark.as_bytes()) {
                return Ok(Some(before));
            }
            std::thread::sleep(Duration::from_micros(LOOK_MICROSECONDS));
        }
        Ok(None)
    }

    fn before(&mut self, mark: &[u8]) -> Option<String> {
        let at = self.text.windows(mark.len()).position(|part| part == mark)?;
        let end = self.text.iter().skip(at).position(|byte| *byte == b'\n')?.saturating_add(at).saturating_add(1);
        let lines: Vec<u8> = self.text.drain(..end).collect();
        let line = lines.get(..at)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        Some(String::from_utf8_lossy(lines.get(..line)?).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_at_its_marks() {
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
