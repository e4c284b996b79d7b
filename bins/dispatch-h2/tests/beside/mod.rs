//! The program by itself: the test is connect, and dispatch.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fosse_harness::sockets::{pair, readable};
use fosse_harness::{Dir, Stage, WAIT_MAX, programs, wait_for};
use fosse_settings::{DispatchH2, Http2Server};
use fosse_wire::beside::{FromBeside, MESSAGE_BYTES, ToBeside};
use fosse_wire::connect::Outcome;
use rustix::net::SocketType;

/// The program, with connect's end of their conversation.
pub(crate) struct Beside {
    pub(crate) stage: Stage,
    channel: OwnedFd,
}

/// What it has said.
pub(crate) enum Said {
    Dial(u32, u32),
    Reply(u32, Outcome, Option<UnixStream>),
}

impl Beside {
    /// Runs it for one server.
    pub(crate) fn run(idle: Duration) -> Self {
        let (channel, far) = pair(SocketType::SEQPACKET);
        let server = Http2Server { name: "app".to_owned(), tls: false, idle_seconds: idle };
        let settings = fosse_wire::blob::encode(&DispatchH2 { servers: vec![server] }).unwrap();
        let program = programs().join("fosse-dispatch-h2");
        Self { stage: Stage::spawn(&program, Some(&settings), vec![(8, far)], ""), channel }
    }

    pub(crate) fn send(&self, message: ToBeside, fd: Option<OwnedFd>) {
        let fds: Vec<_> = fd.iter().map(|fd| fd.as_fd()).collect();
        fosse_fdpass::send(&self.channel, &message.encode(), &fds).unwrap();
    }

    /// Waits for what it says next.
    pub(crate) fn said(&self) -> Said {
        assert!(readable(&self.channel, WAIT_MAX), "it says nothing");
        let (mut bytes, mut fds) = ([0; MESSAGE_BYTES], Vec::new());
        fosse_fdpass::receive(&self.channel, &mut bytes, &mut fds).unwrap();
        match FromBeside::decode(&bytes, fds.len()).unwrap() {
            FromBeside::Dial { tag, server } => Said::Dial(tag, server),
            FromBeside::Reply { tag, outcome, .. } => {
                let end = fds.pop().map(UnixStream::from);
                if let Some(end) = &end {
                    end.set_nonblocking(false).unwrap();
                    end.set_read_timeout(Some(WAIT_MAX)).unwrap();
                    end.set_write_timeout(Some(WAIT_MAX)).unwrap();
                }
                Said::Reply(tag, outcome, end)
            }
        }
    }

    pub(crate) fn ask(&self, tag: u32) {
        self.send(ToBeside::Ask { tag, server: 0 }, None);
    }

    /// Gives it the connection that it has asked for.
    pub(crate) fn dialled(&self, tag: u32, socket: TcpStream) {
        socket.set_nonblocking(true).unwrap();
        let message = ToBeside::Dialled { tag, server: 0, outcome: Outcome::Connected, errno: 0 };
        self.send(message, Some(socket.into()));
    }

    /// Gets an exchange; connects to `address` where that is asked for.
    pub(crate) fn exchange(&self, address: SocketAddr) -> UnixStream {
        self.ask(1);
        loop {
            match self.said() {
                Said::Dial(tag, 0) => self.dialled(tag, TcpStream::connect(address).unwrap()),
                Said::Reply(1, Outcome::Connected, Some(end)) => return end,
                _ => panic!("another server, or no connection"),
            }
        }
    }
}

/// A server of nghttp2, h2c by prior knowledge.
pub(crate) struct Nghttpd {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) dir: Dir,
}

impl Nghttpd {
    /// `None` where it is not installed, which is said.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let dir = Dir::new();
        fs::write(dir.join("hello"), b"hello").unwrap();
        let large: Vec<u8> = (0..4 << 20).map(|at: u32| (at % 251) as u8).collect();
        fs::write(dir.join("large"), large).unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = address.port().to_string();
        let mut command = Command::new("nghttpd");
        command.args(["--no-tls", "-a", "127.0.0.1", "-d", dir.path().to_str().unwrap()]).args(options).arg(port);
        let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            println!("skipped: needs nghttpd");
            return None;
        };
        wait_for("nghttpd listens", || TcpStream::connect(address).ok());
        Some(Self { child, address, dir })
    }
}

impl Drop for Nghttpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response of HTTP/1.1 as dispatch reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
}

/// Reads a response, one in chunks or of a length.
pub(crate) fn response(end: &mut UnixStream) -> Response {
    let head = String::from_utf8(until(end, b"\r\n\r\n")).unwrap();
    let mut body = Vec::new();
    let mut trailers = String::new();
    if head.contains("transfer-encoding: chunked\r\n") {
        loop {
            let line = String::from_utf8(until(end, b"\r\n")).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            if length == 0 {
                break;
            }
            let at = body.len();
            body.resize(at + length, 0);
            end.read_exact(&mut body[at..]).unwrap();
            assert_eq!(until(end, b"\r\n"), b"\r\n");
        }
        loop {
            let line = String::from_utf8(until(end, b"\r\n")).unwrap();
            if line == "\r\n" {
                break;
            }
            trailers += &line;
        }
    } else if let Some((_, length)) = head.split_once("content-length: ") {
        body.resize(length.split("\r\n").next().unwrap().parse().unwrap(), 0);
        end.read_exact(&mut body).unwrap();
    }
    Response { head, body, trailers }
}

fn until(end: &mut UnixStream, mark: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(mark) {
        let mut byte = [0];
        end.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    bytes
}

pub(crate) fn get(end: &mut UnixStream, path: &str) -> Response {
    end.write_all(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n").as_bytes()).unwrap();
    response(end)
}
