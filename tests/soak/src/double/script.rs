//! Frames as an attacker writes them: any bytes in any field, any order, any length.

use fosse_wire::{
    PROTOCOL,
    fields::put,
    request::{BodyLength, Endpoint, RequestHead},
    verdict::Verdict,
};

/// Kinds by number, so that numbers outside the table can be said too.
pub mod kind {
    #![allow(missing_docs, reason = "named as in fosse-frames(7)")]
    pub const HELLO: u8 = 0;
    pub const REQUEST: u8 = 1;
    pub const REQUEST_DATA: u8 = 2;
    pub const REQUEST_END: u8 = 3;
    pub const RESPONSE: u8 = 4;
    pub const RESPONSE_DATA: u8 = 5;
    pub const RESPONSE_END: u8 = 6;
    pub const RESET: u8 = 7;
    pub const REQUEST_CREDIT: u8 = 8;
    pub const RESPONSE_CREDIT: u8 = 9;
    pub const VERDICT: u8 = 10;
    pub const LEASE: u8 = 11;
}

/// The address all these requests say they come from.
pub const CLIENT: &str = "192.0.2.77";

/// One frame's bytes.
#[must_use]
pub fn frame(stream: u32, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = ((body.len() + 5) as u32).to_le_bytes().to_vec();
    out.extend_from_slice(&stream.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    out
}

/// HELLO as it should be.
#[must_use]
pub fn hello() -> Vec<u8> {
    frame(0, kind::HELLO, &[PROTOCOL.to_le_bytes(), [0, 0], [0, 1]].concat())
}

/// An id: slot and generation.
#[must_use]
pub const fn stream(slot: u32, generation: u32) -> u32 {
    generation << 20 | slot
}

/// A good head, as a start.
#[must_use]
pub fn good() -> RequestHead<'static> {
    RequestHead {
        method: b"GET",
        host: b"a.example",
        target: b"/good",
        line: b"GET /good HTTP/1.1",
        client: Endpoint::from_socket(format!("{CLIENT}:7").parse().unwrap()),
        peer: Endpoint::from_socket(format!("{CLIENT}:7").parse().unwrap()),
        connection: 1,
        request: 1,
        ..RequestHead::default()
    }
}

/// A field: name and value.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// What an attacker says, frame by frame.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Each frame's bytes, or what is sent in place of one.
    pub frames: Vec<Vec<u8>>,
}

impl Script {
    /// Any frame.
    #[must_use]
    pub fn raw(mut self, stream: u32, kind: u8, body: &[u8]) -> Self {
        self.frames.push(frame(stream, kind, body));
        self
    }

    /// Bytes that are no frame.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.frames.push(bytes.to_vec());
        self
    }

    /// REQUEST; its number travels as X-Stream too.
    #[must_use]
    pub fn request(self, stream: u32, fields: &[Field<'_>], change: impl FnOnce(&mut RequestHead<'_>)) -> Self {
        let mut head = good();
        change(&mut head);
        let mut body = Vec::new();
        head.encode_fixed(&mut body).unwrap();
        let number = stream.to_string();
        let own = [(&b"Host"[..], head.host), (b"X-Stream", number.as_bytes())];
        put(&mut body, own.into_iter().chain(fields.iter().copied())).unwrap();
        self.raw(stream, kind::REQUEST, &body)
    }

    /// A request without a body, whole.
    #[must_use]
    pub fn get(self, stream: u32, fields: &[Field<'_>], change: impl FnOnce(&mut RequestHead<'_>)) -> Self {
        self.request(stream, fields, change).end(stream)
    }

    /// The head of a request with a body.
    #[must_use]
    pub fn post(self, stream: u32, body: BodyLength) -> Self {
        self.request(stream, &[], |h| {
            h.method = b"POST";
            h.target = b"/take";
            h.body = body;
        })
    }

    /// REQUEST_DATA.
    #[must_use]
    pub fn data(self, stream: u32, bytes: &[u8]) -> Self {
        self.raw(stream, kind::REQUEST_DATA, bytes)
    }

    /// REQUEST_END without trailers.
    #[must_use]
    pub fn end(self, stream: u32) -> Self {
        self.raw(stream, kind::REQUEST_END, &[0, 0])
    }

    /// REQUEST_END with trailers.
    #[must_use]
    pub fn end_with(self, stream: u32, trailers: &[Field<'_>]) -> Self {
        let mut body = Vec::new();
        put(&mut body, trailers.iter().copied()).unwrap();
        self.raw(stream, kind::REQUEST_END, &body)
    }

    /// VERDICT.
    #[must_use]
    pub fn verdict(self, stream: u32, verdict: &Verdict<'_>) -> Self {
        let mut body = Vec::new();
        verdict.encode(&mut body).unwrap();
        self.raw(stream, kind::VERDICT, &body)
    }
}
