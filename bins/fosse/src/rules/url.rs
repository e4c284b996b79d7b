//! A server that tests are run against: bytes out, an answer back, and its log between two marks where there is one.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use fosse_die::usage;
use fosse_ftw::{Expectation, Failure, Happened, Stage, build, check};

use crate::PROGRAM;

/// A server that says nothing for so long has said all.
const ANSWER_SECONDS_MAX: u64 = 5;
/// The log follows the answer within this time, or not at all.
const LOG_MILLISECONDS_MAX: u64 = 3000;
/// More of an answer is not looked at.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
/// The header by which go-ftw marks its place in a log; a rule of the set-up writes its value there.
const MARK: &str = "X-CRS-Test";

/// Where requests go.
pub struct Server {
    address: String,
    host: String,
    log: Option<String>,
    marks: u32,
}

impl Server {
    /// `http://HOST[:PORT][/]`, and a log file if there is one.
    pub fn of(url: &str, log: Option<&str>) -> Self {
        let Some(host) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
            usage(PROGRAM, &format!("--url: '{url}' is not http://HOST:PORT"))
        };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        Self { address, host: host.to_owned(), log: log.map(str::to_owned), marks: 0 }
    }

    /// Sends a stage and judges it. Without a log only the answer is judged.
    pub fn stage(&mut self, stage: &Stage) -> Result<Vec<Failure>, String> {
        let from = self.mark()?;
        let answer = self.send(&build(&stage.input))?;
        let to = self.mark()?;
        let log = between(&self.text()?, &from, &to);
        let status = status(&answer);
        let ids = ids(&log);
        let happened = Happened { status, ids: &ids, log: log.as_bytes(), response: &answer };
        // A server that ends the connection has refused it as much as one that says 400.
        if stage.output.expect_error && status == 0 {
            return Ok(Vec::new());
        }
        Ok(check(&self.visible(&stage.output), &happened))
    }

    /// What can be seen from here.
    fn visible(&self, expected: &Expectation) -> Expectation {
        let status = expected.status;
        if self.log.is_some() {
            return expected.clone();
        }
        // Rules that must match answer 403 where the server blocks; a test that names no status leaves that open.
        Expectation { status, response_contains: expected.response_contains.clone(), ..Expectation::default() }
    }

    fn send(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let wrong = |error: std::io::Error| format!("{}: {error}", self.address);
        let limit = Duration::from_secs(ANSWER_SECONDS_MAX);
        let mut addresses = self.address.to_socket_addrs().map_err(wrong)?;
        let address = addresses.next().ok_or_else(|| format!("{}: no such host", self.address))?;
        let mut stream = TcpStream::connect_timeout(&address, limit).map_err(wrong)?;
        stream.set_read_timeout(Some(limit)).map_err(wrong)?;
        // It may have answered and closed before it read everything; what it said counts.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let mut part = [0; 16384];
        while let Ok(count @ 1..) = stream.read(&mut part) {
            answer.extend_from_slice(part.get(..count).unwrap_or_default());
            if is_whole(&answer) || u64::try_from(answer.len()).unwrap_or(u64::MAX) > ANSWER_BYTES_MAX {
                break;
            }
        }
        Ok(answer)
    }

    /// Leaves a mark in the log and waits until it is there.
    fn mark(&mut self) -> Result<String, String> {
        if self.log.is_none() {
            return Ok(String::new());
        }
        self.marks = self.marks.wrapping_add(1);
        let mark = format!("fosse-{}-{}", std::process::id(), self.marks);
        let host = &self.host;
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: fosse\r\nAccept: */*\r\n{MARK}: {mark}\r\nConnection: close\r\n\r\n"
        );
        let begun = Instant::now();
        self.send(request.as_bytes())?;
        while begun.elapsed() < Duration::from_millis(LOG_MILLISECONDS_MAX) {
            if self.text()?.contains(&mark) {
                return Ok(mark);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(format!("the mark {mark} does not come into the log: a rule must log the header {MARK}"))
    }

    /// The end of the log: a few requests are far shorter.
    fn text(&self) -> Result<String, String> {
        let Some(path) = &self.log else { return Ok(String::new()) };
        let wrong = |error: std::io::Error| format!("{path}: {error}");
        let mut file = std::fs::File::open(path).map_err(wrong)?;
        let length = file.metadata().map_err(wrong)?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(1 << 20))).map_err(wrong)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(wrong)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The lines after the one with the first mark, up to the one with the second.
fn between(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() {
        return String::new();
    }
    let lines = text.lines().skip_while(|line| !line.contains(from)).skip_while(|line| line.contains(from));
    lines.take_while(|line| !line.contains(to)).map(|line| format!("{line}\n")).collect()
}

/// Numbers in `[id "942100"]`, `"id":942100`, `"ruleId":"942100"`.
fn ids(log: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for key in ["[id \"", "\"id\":", "\"id\": ", "\"ruleId\":\""] {
        for rest in log.split(key).skip(1) {
            let digits: String = rest.trim_start_matches('"').chars().take_while(char::is_ascii_digit).collect();
            found.extend(digits.parse::<u32>());
        }
    }
    found
}

/// The status; 0 where there was no answer.
fn status(answer: &[u8]) -> u16 {
    let word = answer.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5));
    word.and_then(|word| std::str::from_utf8(word).ok()?.parse().ok()).unwrap_or(0)
}

/// Whether an answer with a Content-Length is all there; others end with the connection or the time.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|at| at == b"\r\n\r\n").map(|at| at.saturating_add(4)) else {
        return false;
    };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= end.saturating_add(length))
        || (head.contains("transfer-encoding: chunked") && answer.ends_with(b"\r\n0\r\n\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_between_two_marks_names_its_rules() {
        let text = "[id \"1\"] old\nm-1 [id \"999999\"]\nx [id \"942100\"]\n{\"id\":920100}\nm-2\n[id \"7\"]\n";
        assert_eq!(ids(&between(text, "m-1", "m-2")), [942_100, 920_100]);
        assert_eq!(between(text, "", ""), "");
    }

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        assert!(is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nab"));
        assert!(!is_whole(b"HTTP/1.1 403 x\r\nContent-Length: 3\r\n\r\nab"));
        assert_eq!((status(b"HTTP/1.1 403 Forbidden\r\n"), status(b"")), (403, 0));
    }
}
