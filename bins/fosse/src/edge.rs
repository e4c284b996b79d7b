//! A running edge seen from outside: its status socket, and the process that listens there.

pub(crate) mod certificates;
pub(crate) mod connections;
pub(crate) mod purge;
pub(crate) mod servers;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fosse_args::Args;

use crate::check;
use crate::configuration::Configuration;

/// Bytes of a response: the largest edge has 4096 processes of less than 1 KiB each, and twice
/// 20,000 names with their traffic.
const RESPONSE_BYTES_MAX: u64 = 32 << 20;
/// Longest wait: the status program responds in a millisecond or is stuck.
pub(crate) const RESPONSE_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest wait for a list of connections, or the end of some: each part takes up to three seconds
/// where a lane does not respond.
const CONNECTIONS_TIME_MAX: Duration = Duration::from_secs(15);

/// The status socket of an edge that root runs.
const MACHINE_SOCKET: &str = "/run/fosse/status.sock";

/// Returns the default path of the status socket; `None` for an ordinary user without
/// XDG_RUNTIME_DIR.
#[must_use]
pub(crate) fn status_socket_path() -> Option<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Some(MACHINE_SOCKET.into());
    }
    std::env::var_os("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("fosse-status.sock"))
}

/// Returns whether a process listens there.
#[must_use]
pub(crate) fn is_served(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Returns the status socket that a configuration names, whose files are beside it or below these
/// directories. Ends the program where the file cannot be
/// read or is wrong.
///
/// # Errors
/// One line where it names none.
fn of_configuration(file: &str, directories: &[String]) -> Result<PathBuf, String> {
    match Configuration::load(file, directories).compiled(&check::accounts()) {
        Ok((edge, _)) => match &edge.status_socket.value.0 {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(format!("{file}: status_socket is \"off\"; its edge cannot be asked")),
        },
        Err(report) => std::process::exit(check::refuse(&report)),
    }
}

/// The edge of a status socket.
#[derive(Debug)]
pub(crate) struct Edge {
    path: PathBuf,
}

impl Edge {
    /// Takes the socket that the command line names, by its path or by a configuration; else the
    /// default one, where an ordinary user's edge comes before that of the machine.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn of(words: &Args) -> Result<Self, String> {
        if words.has("--dir") && words.value("--config").is_none() {
            return Err("--dir is for the files of a configuration, and none is named; add --config FILE".to_owned());
        }
        Self::named(words)
    }

    /// Does the same for a command whose `--dir` is for more than that.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn named(words: &Args) -> Result<Self, String> {
        let path = match (words.value("--status-socket"), words.value("--config")) {
            (Some(_), Some(_)) => return Err("--status-socket and --config exclude each other".to_owned()),
            (Some(path), None) => PathBuf::from(path),
            (None, Some(file)) => of_configuration(file, words.values("--dir"))?,
            (None, None) => status_socket_path().filter(|own| own.exists()).unwrap_or_else(|| MACHINE_SOCKET.into()),
        };
        Ok(Self { path })
    }

    /// Returns the edge whose fosse-status listens at a path.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Returns whether its socket file is there.
    pub(crate) fn has_socket(&self) -> bool {
        self.path.exists()
    }

    /// Returns whether its socket is there for others alone.
    pub(crate) fn keeps_this_user_out(&self) -> bool {
        UnixStream::connect(&self.path).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    }

    fn connect(&self) -> Result<UnixStream, String> {
        UnixStream::connect(&self.path).map_err(|error| self.unreachable(&error))
    }

    /// Says why a socket cannot be reached: one that lets this user not in is no sign that no edge
    /// runs.
    fn unreachable(&self, error: &std::io::Error) -> String {
        use std::io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
        let path = self.path.display();
        let cure = "--status-socket PATH or --config FILE names the socket of another";
        match error.kind() {
            PermissionDenied => {
                format!("{path}: this user may not ask the edge there ({error}); ask as its user, or root")
            }
            NotFound => format!("no edge runs with its status socket at {path} (there is none); {cure}"),
            ConnectionRefused => format!("no edge runs with its status socket at {path} (nobody listens); {cure}"),
            _ => format!("unable to ask the edge at {path}: {error}; {cure}"),
        }
    }

    /// Returns what fosse-start has said of its last reload; `None` before the first.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn reload(&self) -> Result<Option<Reload>, String> {
        Ok(Reload::read(&self.page("/reload.txt")?))
    }

    /// Returns the text of a page. Bytes other than printable ASCII and line ends are replaced,
    /// whatever the response was.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn page(&self, target: &str) -> Result<String, String> {
        let bytes = self.ask("GET", target, RESPONSE_TIME_MAX)?;
        let body = body(&bytes).map_err(|why| format!("{}: {why}", self.path.display()))?;
        Ok(body.iter().map(|byte| printable(*byte)).collect())
    }

    /// Asks for a change. Returns what is said of it.
    ///
    /// # Errors
    /// One line: why it is not made.
    pub(crate) fn change(&self, target: &str, wait_max: Duration) -> Result<String, String> {
        self.response_to("POST", target, wait_max)
    }

    /// Asks for the connections of clients. Returns a line for each.
    ///
    /// # Errors
    /// One line: why they are not shown.
    pub(crate) fn connections(&self) -> Result<String, String> {
        self.response_to("GET", "/connections.txt", CONNECTIONS_TIME_MAX)
    }

    fn response_to(&self, method: &str, target: &str, wait_max: Duration) -> Result<String, String> {
        let bytes = self.ask(method, target, wait_max)?;
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        let said: String = bytes[end..].iter().map(|byte| printable(*byte)).collect();
        let said = said.trim_end();
        if bytes.get(8..13) == Some(b" 200 ") {
            Ok(said.to_owned())
        } else {
            Err(format!("{}: {said}", self.path.display()))
        }
    }

    /// Sends a request and returns all of the response.
    fn ask(&self, method: &str, target: &str, wait_max: Duration) -> Result<Vec<u8>, String> {
        let mut stream = self.connect()?;
        let wrong = |error: std::io::Error| format!("{}: {error}", self.path.display());
        stream.set_read_timeout(Some(wait_max)).map_err(wrong)?;
        stream.set_write_timeout(Some(RESPONSE_TIME_MAX)).map_err(wrong)?;
        stream.write_all(format!("{method} {target} HTTP/1.1\r\n\r\n").as_bytes()).map_err(wrong)?;
        let mut bytes = Vec::new();
        stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut bytes).map_err(wrong)?;
        Ok(bytes)
    }

    /// Returns the process id of the fosse-start that listens on the socket, as the kernel knows
    /// it.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn start_pid(&self) -> Result<u32, String> {
        let peer = rustix::net::sockopt::socket_peercred(self.connect()?)
            .map_err(|errno| format!("{}: {errno}", self.path.display()))?;
        Ok(peer.pid.as_raw_nonzero().get().unsigned_abs())
    }

    /// Returns all processes, from the lines of `/status.txt`.
    ///
    /// # Errors
    /// One line.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, String> {
        Ok(self.page("/status.txt")?.lines().filter_map(Row::read).collect())
    }
}

/// Returns the body of a response of fosse-status. One of an earlier version has no chunks.
fn body(response: &[u8]) -> Result<Vec<u8>, &'static str> {
    let wrong = "not a response of fosse-status";
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or(wrong)?;
    let (head, rest) = (response[..end].to_ascii_lowercase(), &response[end + 4..]);
    if !head.starts_with(b"http/1.") || head.get(8..13) != Some(b" 200 ") {
        return Err(wrong);
    }
    let chunked = b"\r\ntransfer-encoding: chunked";
    if head.windows(chunked.len()).any(|bytes| bytes == chunked) { joined(rest) } else { Ok(rest.to_vec()) }
}

/// Joins the chunks of a body (RFC 9112, section 7.1).
fn joined(mut rest: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    loop {
        let cut = "fosse-status ended its response too early; ask again";
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n").ok_or(cut)?;
        let length = std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let length = length.ok_or("not a response of fosse-status")?;
        if length == 0 {
            return Ok(body);
        }
        let (chunk, after) = rest[end + 2..].split_at_checked(length).ok_or(cut)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").ok_or(cut)?;
    }
}

fn printable(byte: u8) -> char {
    match byte {
        b'\n' | b' '..=b'~' => char::from(byte),
        _ => '?',
    }
}

/// The last reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    /// Its number, counted from 1.
    pub number: u32,
    /// `begun`, `serves`, `failed` or `failed-for-good`.
    pub progress: String,
    /// The reason of a failure.
    pub words: String,
}

impl Reload {
    /// Reads the line `number progress words`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.trim_end().splitn(3, ' ');
        let (number, progress) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        Some(Self { number, progress, words: words.next().unwrap_or_default().to_owned() })
    }
}

/// One process, or the sum of a program's dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Without `fosse-`.
    pub program: String,
    /// Its lane, if it has one.
    pub lane: Option<u32>,
    /// Its process id; `None` for the dead.
    pub pid: Option<u32>,
    /// Its counters, by name.
    pub counts: BTreeMap<String, u64>,
}

impl Row {
    /// Reads a line `program lane pid key=value ...`.
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (program, lane, pid) = (words.next()?, words.next()?, words.next()?);
        let counts =
            words.filter_map(|word| word.split_once('=')).filter_map(|(k, v)| Some((k.to_owned(), v.parse().ok()?)));
        let pid = if lane == "gone" { None } else { Some(pid.parse().ok()?) };
        Some(Self { program: program.to_owned(), lane: lane.parse().ok(), pid, counts: counts.collect() })
    }

    /// Returns one of its counters; 0 for one it does not have.
    #[must_use]
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_whole_or_not_at_all() {
        let whole = b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n1\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(whole), Ok(b"ab\nc".to_vec()));
        // The empty line at the very end says nothing new.
        for end in 0..whole.len() - 2 {
            assert!(body(&whole[..end]).is_err(), "{end}");
        }
        assert_eq!(body(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"), Ok(b"x".to_vec()));
        assert!(body(b"HTTP/1.0 404 Not Found\r\n\r\nx").is_err());
    }

    #[test]
    fn a_line_is_read_and_a_broken_one_is_left_out() {
        let row = Row::read("parse 3 77 turns=9 requests=5").unwrap();
        assert_eq!((row.program.as_str(), row.lane, row.pid, row.count("requests")), ("parse", Some(3), Some(77), 5));
        let row = Row::read("log - 78 turns=9").unwrap();
        assert_eq!((row.lane, row.pid, row.count("requests")), (None, Some(78), 0));
        assert_eq!(Row::read("parse gone 0 requests=5").unwrap().pid, None);
        assert!(Row::read("parse 3").is_none() && Row::read("parse 3 x").is_none() && Row::read("").is_none());
    }
}
