//! A client of one connection: writes frames, and reads those that come back.
#![allow(dead_code, reason = "each test uses a part")]

use fosse_hpack::{Decoder, Encoder};
use fosse_http2::{Broken, Connection, Event, Local, Scratch};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const PRIORITY_UPDATE: u8 = 16;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

pub(crate) const PLAIN: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];
pub(crate) const UPLOAD: &[(&str, &str)] =
    &[(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

/// One frame of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// What the bytes meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Request(usize, String),
    TooLong(usize),
    Data(usize, Vec<u8>),
    Ended(usize),
    Reset(usize),
    Malformed(String),
    Leaving,
}

pub(crate) struct Client {
    pub(crate) server: Connection,
    pub(crate) scratch: Scratch,
    pub(crate) now_ms: u64,
    decoder: Decoder,
    left: Vec<u8>,
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::default();
    for (name, value) in fields {
        // Without the encoder's own lower case.
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            out.push(0);
            for text in [name, value] {
                out.push(u8::try_from(text.len()).unwrap());
                out.extend_from_slice(text.as_bytes());
            }
        } else {
            encoder.field(&mut out, name.as_bytes(), value.as_bytes());
        }
    }
    out
}

pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, &block(fields))
}

pub(crate) fn get(stream: u32) -> Vec<u8> {
    headers(stream, END_STREAM, PLAIN)
}

pub(crate) fn post(stream: u32) -> Vec<u8> {
    headers(stream, 0, UPLOAD)
}

pub(crate) fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

pub(crate) fn window(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())
}

impl Client {
    /// Opens a connection and agrees on settings.
    pub(crate) fn agreed() -> Self {
        let mut client = Self::fresh();
        let opening = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, ACK, 0, &[])].concat();
        assert_eq!(client.send(&opening), Ok(vec![]));
        client.received();
        client
    }

    /// Has sent nothing yet.
    pub(crate) fn fresh() -> Self {
        Self {
            server: Connection::new(Local { list_bytes: 65_536, extended_connect: true }),
            scratch: Scratch::default(),
            now_ms: 1_000_000,
            decoder: Decoder::default(),
            left: Vec::new(),
        }
    }

    /// Sends bytes. Returns what they meant up to what broke the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> (Vec<Told>, Option<Broken>) {
        let mut told = Vec::new();
        self.left.extend_from_slice(bytes);
        let input = core::mem::take(&mut self.left);
        let mut at = 0;
        loop {
            match self.server.next(&input[at..], self.now_ms, &mut self.scratch) {
                Ok((0, None)) => break,
                Ok((used, event)) => {
                    at += used;
                    told.extend(event.map(|event| self.told(event)));
                }
                Err(broken) => {
                    self.server.break_off(&broken);
                    return (told, Some(broken));
                }
            }
        }
        self.left = input[at..].to_vec();
        (told, None)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<Vec<Told>, Broken> {
        match self.try_send(bytes) {
            (told, None) => Ok(told),
            (_, Some(broken)) => Err(broken),
        }
    }

    fn told(&self, event: Event<'_>) -> Told {
        match event {
            Event::Request { place, .. } => Told::Request(place, String::from_utf8(self.scratch.text.clone()).unwrap()),
            Event::TooLong { place } => Told::TooLong(place),
            Event::Data { place, bytes } => Told::Data(place, bytes.to_vec()),
            Event::Ended { place } => Told::Ended(place),
            Event::Reset { place, .. } => Told::Reset(place),
            Event::Malformed { fault } => Told::Malformed(format!("{fault:?}")),
            Event::Leaving => Told::Leaving,
        }
    }

    /// Takes what the server has to write.
    pub(crate) fn received(&mut self) -> Vec<Frame> {
        let bytes = self.server.output().to_vec();
        self.server.advance(bytes.len());
        let (mut frames, mut rest) = (Vec::new(), &bytes[..]);
        while let [a, b, c, kind, flags, s0, s1, s2, s3, after @ ..] = rest {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            let stream = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
            frames.push(Frame { kind: *kind, flags: *flags, stream, payload: after[..length].to_vec() });
            rest = &after[length..];
        }
        assert!(rest.is_empty());
        frames
    }

    pub(crate) fn fields(&mut self, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.decoder.decode(block, usize::MAX, |name, value| fields.push((text(name), text(value)))).unwrap();
        fields
    }

    /// Lets the server write, telling how much of each stream has gone.
    pub(crate) fn fill(&mut self) -> Vec<(usize, usize)> {
        let mut gone = Vec::new();
        let now_ms = self.now_ms;
        self.server.fill(now_ms, |place, bytes| gone.push((place, bytes)));
        gone
    }
}

/// The code of a RST_STREAM or GOAWAY.
pub(crate) fn code(frame: &Frame) -> u32 {
    let at = if frame.kind == GOAWAY { 4 } else { 0 };
    u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap())
}
