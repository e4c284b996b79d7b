//! A dispatch that an attacker has taken over, and the real parse in front of it: a client gets
//! what was written for it or nothing, never another client's bytes.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

use fosse_fdpass::{Received, receive, send};
use fosse_harness::sockets::{pair, readable};
use fosse_harness::{Stage, WAIT_MAX};
use fosse_settings::{HeadLimits, Parse, ParseListener, ParsePolicy, ParseSite};
use fosse_stage::Input;
use fosse_wire::{
    Kind,
    channel::{self, Connection},
    fields,
    request::{BodyLength, Endpoint},
    response::{ResponseEnd, ResponseHead},
};
use rustix::net::SocketType;

use super::{
    run,
    script::{frame, hello, kind},
};

fn settings() -> Parse {
    Parse {
        listeners: vec![ParseListener::default()],
        sites: vec![ParseSite { hosts: vec!["a.example".into()], name: "a".into(), ..ParseSite::default() }],
        policies: vec![ParsePolicy {
            methods: ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"].map(str::to_owned).to_vec(),
            body_bytes_max: u64::MAX,
            ..ParsePolicy::default()
        }],
        head_seconds: Duration::from_secs(10),
        body_seconds: Duration::from_secs(10),
        idle_seconds: Duration::from_secs(10),
        write_seconds: Duration::from_secs(10),
        linger: Duration::from_millis(200),
        drain_seconds_max: Duration::from_secs(2),
        head: HeadLimits {
            head_bytes_max: 16_384,
            header_bytes_max: 8_192,
            target_bytes_max: 4096,
            header_count_max: 64,
        },
        upgrade: vec!["websocket".into()],
        ..Parse::default()
    }
}

/// The real fosse-parse, its neighbours played.
#[derive(Debug)]
pub struct Target {
    stage: Stage,
    forward: Input,
    back: Option<OwnedFd>,
    accept: OwnedFd,
    _direct: OwnedFd,
    connections: u64,
}

/// A client with a request under way.
#[derive(Debug)]
pub struct Victim {
    socket: TcpStream,
    /// The stream of its request.
    pub stream: u32,
}

/// How a victim's connection went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// What it got.
    pub bytes: Vec<u8>,
    /// It ended by a reset.
    pub reset: bool,
}

impl Target {
    /// A fresh one, greeted.
    #[must_use]
    pub fn start() -> Self {
        let (forward, output) = pair(SocketType::STREAM);
        let (back, input) = pair(SocketType::STREAM);
        let (accept, accept_far) = pair(SocketType::SEQPACKET);
        let (direct, direct_far) = pair(SocketType::SEQPACKET);
        let stage = run("parse", &settings(), vec![(0, input), (1, output), (8, accept_far), (9, direct_far)]);
        let target =
            Self { stage, forward: Input::new(forward), back: Some(back), accept, _direct: direct, connections: 0 };
        target.say(&hello());
        target
    }

    /// Sends bytes as they are, as far as anybody takes them.
    pub fn say(&self, mut bytes: &[u8]) {
        let Some(back) = &self.back else { return };
        while !bytes.is_empty() {
            match rustix::net::send(back, bytes, rustix::net::SendFlags::NOSIGNAL) {
                Ok(count) => bytes = &bytes[count..],
                Err(_) => return,
            }
        }
    }

    /// A new client whose request has gone into the ring.
    #[must_use]
    pub fn victim(&mut self, body: bool) -> Victim {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (served, _) = listener.accept().unwrap();
        // As it comes from accept.
        rustix::net::sockopt::set_socket_linger(&served, Some(Duration::ZERO)).unwrap();
        self.connections += 1;
        let peer = Endpoint::from_socket("192.0.2.7:7".parse().unwrap());
        let mut bytes = Vec::new();
        let record = Connection { id: self.connections, peer, ..Connection::default() };
        channel::encode(&mut bytes, channel::Kind::Connections, &[record]);
        send(&self.accept, &bytes, &[served.as_fd()]).unwrap();
        let text = if body {
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\nbegin"
        } else {
            "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
        };
        socket.write_all(text.as_bytes()).unwrap();
        let stream = self.next_request();
        Victim { socket, stream }
    }

    /// Waits for the next REQUEST.
    fn next_request(&mut self) -> u32 {
        let begun = Instant::now();
        loop {
            while let Some(frame) = self.forward.next_frame().unwrap() {
                if frame.kind == Kind::Request {
                    return frame.stream.raw();
                }
            }
            assert!(begun.elapsed() < WAIT_MAX && readable(&self.forward, WAIT_MAX), "no request comes");
            self.forward.read().unwrap();
        }
    }

    /// The conversation is over: parse reads no more. False where it goes on for `patience`.
    pub fn breaks_off(&mut self, patience: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if !self.stage.is_alive() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        false
    }

    /// Closes the ring and waits for the end.
    ///
    /// # Errors
    /// An end that is a finding in itself.
    pub fn end(mut self) -> Result<(), String> {
        self.back = None;
        let (mut bytes, mut fds) = ([0; channel::MESSAGE_BYTES_MAX], Vec::new());
        while let Ok(Received::Message(_)) = receive(&self.accept, &mut bytes, &mut fds) {}
        drop((self.forward, self.accept, self._direct, fds));
        self.stage.end().map(drop)
    }
}

impl Victim {
    /// Everything it gets until its connection ends, or nothing more comes.
    #[must_use]
    pub fn fate(mut self) -> Fate {
        self.socket.set_read_timeout(Some(WAIT_MAX)).unwrap();
        let (mut bytes, mut some) = (Vec::new(), [0; 4096]);
        loop {
            match self.socket.read(&mut some) {
                Ok(0) => return Fate { bytes, reset: false },
                Ok(count) => bytes.extend_from_slice(&some[..count]),
                Err(_) => return Fate { bytes, reset: true },
            }
        }
    }
}

/// A RESPONSE frame for a stream.
#[must_use]
pub fn response(stream: u32, change: impl FnOnce(&mut ResponseHead<'_>), list: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut head = ResponseHead { status: 200, body: BodyLength::Exact(4), ..ResponseHead::default() };
    change(&mut head);
    let mut body = Vec::new();
    head.encode_fixed(&mut body);
    fields::put(&mut body, list.iter().copied()).unwrap();
    frame(stream, kind::RESPONSE, &body)
}

/// RESPONSE_DATA.
#[must_use]
pub fn data(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(stream, kind::RESPONSE_DATA, bytes)
}

/// RESPONSE_END.
#[must_use]
pub fn end(stream: u32, leased_bytes: u64) -> Vec<u8> {
    let mut body = Vec::new();
    ResponseEnd { leased_bytes, ..ResponseEnd::default() }.encode(&mut body).unwrap();
    frame(stream, kind::RESPONSE_END, &body)
}
