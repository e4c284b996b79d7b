//! An edge whose front is fosse-parse-h2, and a client that writes and reads frames.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use fosse_harness::{Backend, Dir, Edge, programs};
use fosse_hpack::{Decoder, Encoder};

/// Long enough for a machine that does other things.
const SOON: Duration = Duration::from_secs(20);

/// An edge in front of an application, with more keys of its site.
pub(crate) fn edge(app: &Backend, top: &str, site: &str) -> Edge {
    let dir = Dir::new();
    let place = dir.join("programs");
    fs::create_dir(&place).unwrap();
    for entry in fs::read_dir(programs()).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("fosse") && !name.contains('.') && entry.file_type().unwrap().is_file() {
            let from = if name == "fosse-parse" { programs().join("fosse-parse-h2") } else { entry.path() };
            let to = place.join(&name);
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).unwrap();
        }
    }
    let configuration = format!(
        "lanes = 1\n{top}\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\n{site}\n",
        app.address()
    );
    let place = place.to_str().unwrap().to_owned();
    Edge::in_directory(dir, &configuration, &[("FOSSE_PROGRAMS", &place)])
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// What has come of one stream.
#[derive(Debug, Default, Clone)]
pub(crate) struct Answered {
    pub(crate) status: Vec<u16>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: bool,
    pub(crate) reset: Option<u32>,
}

/// A client of one connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    encoder: Encoder,
    decoder: Decoder,
    left: Vec<u8>,
    pub(crate) streams: BTreeMap<u32, Answered>,
    pub(crate) goaway: Option<(u32, u32)>,
    /// Windows are given back as data comes.
    pub(crate) reads: bool,
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

impl Client {
    /// Connects, and sends preface and settings.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket.set_write_timeout(Some(SOON)).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut client = Self {
            socket,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            left: Vec::new(),
            streams: BTreeMap::new(),
            goaway: None,
            reads: true,
        };
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        client.send(&frame(4, 0, 0, &[]));
        client
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    /// The frame of a request's head.
    pub(crate) fn head(&mut self, stream: u32, method: &str, path: &str, more: &[(&str, &str)], ends: bool) -> Vec<u8> {
        let usual = [(":method", method), (":scheme", "http"), (":authority", "a.example"), (":path", path)];
        let mut block = Vec::new();
        for (name, value) in usual.iter().chain(more) {
            self.encoder.field(&mut block, name.as_bytes(), value.as_bytes());
        }
        frame(1, 4 | u8::from(ends), stream, &block)
    }

    pub(crate) fn get(&mut self, stream: u32, path: &str) {
        let head = self.head(stream, "GET", path, &[], true);
        self.send(&head);
    }

    /// Reads one frame, and does what a client does with it. `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.split() {
                self.take(&frame);
                return Some(frame);
            }
            let mut bytes = [0; 65_536];
            match self.socket.read(&mut bytes) {
                Ok(0) => return None,
                Ok(length) => self.left.extend_from_slice(&bytes[..length]),
                Err(why) if why.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(why) => panic!("{why}: {:?}", self.streams),
            }
        }
    }

    fn split(&mut self) -> Option<Frame> {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = *self.left.first_chunk::<9>()?;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        let payload = self.left.get(9..9 + length)?.to_vec();
        self.left.drain(..9 + length);
        Some(Frame { kind, flags, stream: u32::from_be_bytes([s0, s1, s2, s3]), payload })
    }

    fn take(&mut self, frame: &Frame) {
        let stream = self.streams.entry(frame.stream).or_default();
        match frame.kind {
            0 => {
                stream.body.extend_from_slice(&frame.payload);
                let more = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
                if self.reads && !frame.payload.is_empty() {
                    let updates = [self::frame(8, 0, 0, &more), self::frame(8, 0, frame.stream, &more)].concat();
                    // One that is gone does not take it.
                    let _ = self.socket.write_all(&updates);
                }
            }
            1 => {
                assert_eq!(frame.flags & 4, 4, "a block in one frame");
                let Answered { status, fields, .. } = stream;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                self.decoder
                    .decode(&frame.payload, usize::MAX, |name, value| match name {
                        b":status" => status.push(text(value).parse().unwrap()),
                        _ => fields.push((text(name), text(value))),
                    })
                    .unwrap();
            }
            3 => stream.reset = Some(u32::from_be_bytes(frame.payload[..4].try_into().unwrap())),
            4 if frame.flags & 1 == 0 => self.socket.write_all(&self::frame(4, 1, 0, &[])).unwrap(),
            // One that is leaving may not wait for it.
            6 if frame.flags & 1 == 0 => drop(self.socket.write_all(&self::frame(6, 1, 0, &frame.payload))),
            7 => {
                let number = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap());
                self.goaway = Some((number(0), number(4)));
            }
            _ => {}
        }
        if frame.kind < 2 && frame.flags & 1 == 1 {
            self.streams.entry(frame.stream).or_default().ended = true;
        }
    }

    /// Reads until a stream has ended or was reset.
    pub(crate) fn wait(&mut self, stream: u32) -> Answered {
        loop {
            if let Some(answered) = self.streams.get(&stream).filter(|it| it.ended || it.reset.is_some()) {
                return answered.clone();
            }
            assert!(self.next().is_some(), "the connection ended: {:?} {:?}", self.goaway, self.streams);
        }
    }

    /// Reads to the end of the connection. Returns the last stream and the code of GOAWAY.
    pub(crate) fn end(&mut self) -> Option<(u32, u32)> {
        while self.next().is_some() {}
        self.goaway
    }
}
