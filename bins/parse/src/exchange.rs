//! One request and its answer, from the client's side of the ring.

use fosse_http1::{BodyLength, ChunkedDecoder, RequestHead, Version};
use fosse_wire::frame::WINDOW_BYTES_INITIAL;
use fosse_wire::order::{Interims, Return};
use fosse_wire::response::{BACKEND_NONE, ResponseHead};

/// What is still to come of a request body.
#[derive(Debug)]
pub enum Body {
    /// So many bytes.
    Exact(u64),
    /// Chunks.
    Chunked(ChunkedDecoder),
}

/// How the answer's body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Not at all.
    None,
    /// So many bytes are still owed.
    Exact(u64),
    /// In chunks.
    Chunked,
    /// As it is, until the connection ends: HTTP/1.0 knows no chunks.
    UntilClose,
}

/// Where 100 Continue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nobody waits for it.
    No,
    /// The client waits.
    Pending,
}

/// Where the write lease stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// parse writes.
    No,
    /// dispatch wants it; given when all before is written.
    Wanted,
    /// dispatch writes.
    Out,
}

/// The state of one exchange. The stream lives from the REQUEST frame until both directions have ended.
#[derive(Debug)]
pub struct Exchange {
    /// The stream has begun, and its answer has not ended.
    pub open: bool,
    /// REQUEST_END or RESET was sent.
    pub forward_done: bool,
    /// Where the answer's frames stand.
    pub back: Return,
    /// Its interim heads so far.
    pub interims: Interims,
    /// The client is gone or answered otherwise: frames of the answer are thrown away.
    pub discard: bool,
    /// What is still to come of the request's body.
    pub body: Body,
    /// Body bytes that may be sent into the ring.
    pub request_credit: u32,
    /// Where 100 Continue stands.
    pub expect: Expect,
    /// The final head was written for the client.
    pub answered: bool,
    /// How the answer's body is written.
    pub framing: Framing,
    /// The connection ends after this answer.
    pub close: bool,
    /// The client asked for that itself.
    pub client_closes: bool,
    /// The request was HEAD.
    pub is_head: bool,
    /// The client speaks HTTP/1.0.
    pub old: bool,
    /// Index of the upgrade token that was offered.
    pub upgrade: Option<usize>,
    /// Where the write lease stands.
    pub lease: Lease,
    /// Size of the answer's window.
    pub window: u32,
    /// Answer bytes that may still come.
    pub answer_credit: u32,
    /// Answer bytes that came and were not granted again.
    pub owed: u32,
    /// Milliseconds when the request began.
    pub begun_ms: u64,
    /// Microseconds when the request began; only for the access log.
    pub begun_us: u64,
    /// For the access log: status of the answer.
    pub status: u16,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes handed on to the client.
    pub bytes_out: u64,
    /// Server that answered.
    pub backend: u32,
    /// How long it took to its first byte.
    pub backend_us: u32,
    /// Times the request was sent again.
    pub retries: u8,
    /// A filter denied it.
    pub denied: bool,
    /// The rule that did.
    pub rule: u32,
}

impl Exchange {
    /// Before the first request of a connection.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            open: false,
            forward_done: true,
            back: Return::Ended,
            interims: Interims::NONE,
            discard: false,
            body: Body::Exact(0),
            request_credit: WINDOW_BYTES_INITIAL,
            expect: Expect::No,
            answered: false,
            framing: Framing::None,
            close: false,
            client_closes: false,
            is_head: false,
            old: false,
            upgrade: None,
            lease: Lease::No,
            window: WINDOW_BYTES_INITIAL,
            answer_credit: WINDOW_BYTES_INITIAL,
            owed: 0,
            begun_ms: 0,
            begun_us: 0,
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            backend: BACKEND_NONE,
            backend_us: 0,
            retries: 0,
            denied: false,
            rule: 0,
        }
    }

    /// Of a request whose head has just come.
    #[must_use]
    pub fn begin(head: &RequestHead<'_>) -> Self {
        Self {
            open: true,
            forward_done: false,
            back: Return::Waiting,
            body: match head.body {
                BodyLength::None => Body::Exact(0),
                BodyLength::Exact(length) => Body::Exact(length),
                BodyLength::Chunked => Body::Chunked(ChunkedDecoder::new()),
            },
            expect: if head.expect_continue { Expect::Pending } else { Expect::No },
            client_closes: !head.keep_alive,
            is_head: head.is_head(),
            old: head.version == Version::Http10,
            ..Self::none()
        }
    }

    /// Keeps what the log wants from the answer's head.
    pub fn note(&mut self, head: &ResponseHead<'_>) {
        self.status = head.status;
        self.backend = head.backend;
        self.backend_us = head.backend_us;
        self.retries = head.retries;
        self.denied = head.denied;
        self.rule = head.rule;
    }
}
