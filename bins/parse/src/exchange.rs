//! One request and its response, from the client's side of the ring.

use fosse_http1::{BodyLength, ChunkedDecoder, RequestHead, Version};
use fosse_wire::frame::WINDOW_BYTES_INITIAL;
use fosse_wire::order::{Interims, Return};
use fosse_wire::request::Endpoint;
use fosse_wire::response::{BACKEND_NONE, Cause, ResponseHead};

use crate::credit::ResponseCredit;
use crate::settings::Settings;

/// The site of what belongs to none.
pub(crate) const SITE_NONE: u32 = u32::MAX;

/// The rest of a request body.
#[derive(Debug)]
pub(crate) enum Body {
    /// This number of bytes.
    Exact(u64),
    /// Chunks.
    Chunked(ChunkedDecoder),
}

/// The framing in which the body of the response is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Not at all.
    None,
    /// As it is; this number of bytes is still to come.
    Exact(u64),
    /// In chunks.
    Chunked,
    /// As it is, until the connection ends: HTTP/1.0 has no chunks.
    UntilClose,
}

/// The wait of a client for 100 Continue (RFC 9110, section 10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// It does not wait.
    No,
    /// It waits before it sends its body.
    Pending,
}

/// The process that writes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    /// This process.
    No,
    /// fosse-dispatch is to, once all before is written.
    Wanted,
    /// fosse-dispatch.
    Out,
}

/// The state of one exchange. The stream lives from the REQUEST frame until both directions have
/// ended.
#[derive(Debug)]
pub struct Exchange {
    /// The stream has begun, and its response has not ended.
    pub open: bool,
    /// REQUEST_END or RESET was sent.
    pub(crate) forward_done: bool,
    /// The response comes by way of fosse-encode.
    pub(crate) is_encoded: bool,
    /// Order of the frames of the response.
    pub(crate) back: Return,
    /// Its interim heads so far.
    pub(crate) interims: Interims,
    /// The client is gone, or got a local response: frames of the response are thrown away.
    pub(crate) discard: bool,
    /// The rest of the request body.
    pub(crate) body: Body,
    /// Body bytes that the site takes.
    pub(crate) body_bytes_max: u64,
    /// Body bytes that may be sent into the ring.
    pub(crate) request_credit: u32,
    /// The client's wait for 100 Continue.
    pub(crate) expect: Expect,
    /// The final head was written for the client.
    pub(crate) response_begun: bool,
    /// The framing of the response body.
    pub(crate) framing: Framing,
    /// The name that a trusted proxy has given the request, where clients are told of it.
    pub(crate) request_name: Option<Box<[u8]>>,
    /// Its body has been written in place of the one that comes.
    pub(crate) replaced: bool,
    /// The connection ends after this response.
    pub(crate) close: bool,
    /// The client asked for that itself.
    pub(crate) client_closes: bool,
    /// It ends when the client has closed its side.
    pub(crate) abort_on_close: bool,
    /// The request was HEAD.
    pub(crate) is_head: bool,
    /// The client speaks HTTP/1.0.
    pub(crate) http10: bool,
    /// Index of the upgrade token that was offered.
    pub(crate) upgrade: Option<usize>,
    /// The process that writes to the client.
    pub(crate) lease: Lease,
    /// Body bytes of the response that may come from the ring.
    pub(crate) response_credit: ResponseCredit,
    /// Beginning of the request in milliseconds.
    pub(crate) begun_ms: u64,
    /// Number of the request.
    pub(crate) request: u64,
    /// Time when the request had come whole; 0 before.
    pub(crate) request_done_ms: u64,
    /// Time when the head of the response came; 0 before.
    pub(crate) head_ms: u64,
    /// Beginning of the request in microseconds: that of its turn, or where there is an access log
    /// that of the clock.
    pub(crate) begun_us: u64,
    /// It is counted for its site.
    pub(crate) counted: bool,
    /// Index of the site.
    pub(crate) site: u32,
    /// Number of the policy; one that there is not, before it is known.
    pub(crate) policy: u32,
    /// The client.
    pub(crate) client: Endpoint,
    /// Status of the response.
    pub(crate) status: u16,
    /// Body bytes received.
    pub(crate) bytes_in: u64,
    /// Body bytes handed on to the client.
    pub(crate) bytes_out: u64,
    /// Number of the server that sent the response.
    pub(crate) backend: u32,
    /// Microseconds until its first byte.
    pub(crate) backend_us: u32,
    /// Number of times the request was sent again.
    pub(crate) retries: u8,
    /// A filter denied it.
    pub(crate) denied: bool,
    /// Id of the rule that did.
    pub(crate) rule: u32,
    /// The cause, where no application responded.
    pub(crate) cause: Cause,
}

/// The field in which clients are told of the number of their request.
pub(crate) const REQUEST_ID: &[u8] = b"X-Request-ID";

impl Exchange {
    /// Returns the name or number of the request for its client, where the policy shows it.
    pub(crate) fn shown_request_id(&self, settings: &Settings) -> Option<Vec<u8>> {
        settings.policy(self.policy).filter(|policy| policy.send_request_id && self.open)?;
        let number = || format!("{:016x}", self.request).into_bytes();
        Some(self.request_name.as_ref().map_or_else(number, |name| name.to_vec()))
    }

    /// Returns the state before the first request of a connection.
    #[expect(clippy::too_many_lines, reason = "one field a line")]
    pub(crate) const fn none() -> Self {
        Self {
            open: false,
            forward_done: true,
            is_encoded: false,
            back: Return::Ended,
            interims: Interims::NONE,
            discard: false,
            body: Body::Exact(0),
            body_bytes_max: u64::MAX,
            request_credit: WINDOW_BYTES_INITIAL,
            expect: Expect::No,
            response_begun: false,
            framing: Framing::None,
            request_name: None,
            replaced: false,
            close: false,
            client_closes: false,
            abort_on_close: false,
            is_head: false,
            http10: false,
            upgrade: None,
            lease: Lease::No,
            response_credit: ResponseCredit::new(),
            begun_ms: 0,
            request: 0,
            request_done_ms: 0,
            head_ms: 0,
            begun_us: 0,
            counted: true,
            site: SITE_NONE,
            policy: u32::MAX,
            client: Endpoint { addr: [0; 16], port: 0 },
            status: 0,
            bytes_in: 0,
            bytes_out: 0,
            backend: BACKEND_NONE,
            backend_us: 0,
            retries: 0,
            denied: false,
            rule: 0,
            cause: Cause::None,
        }
    }

    /// Begins with a request whose head has just come.
    pub(crate) fn begin(head: &RequestHead<'_>) -> Self {
        Self {
            open: true,
            forward_done: false,
            counted: false,
            back: Return::Waiting,
            body: match head.body {
                BodyLength::None => Body::Exact(0),
                BodyLength::Exact(length) => Body::Exact(length),
                BodyLength::Chunked => Body::Chunked(ChunkedDecoder::new()),
            },
            expect: if head.expect_continue { Expect::Pending } else { Expect::No },
            client_closes: !head.keep_alive,
            is_head: head.is_head(),
            http10: head.version == Version::Http10,
            ..Self::none()
        }
    }

    /// Takes what the log and the end of the exchange need from the head of the response.
    pub(crate) fn note(&mut self, head: &ResponseHead<'_>) {
        self.status = head.status;
        self.backend = head.backend;
        self.backend_us = head.backend_us;
        self.retries = head.retries;
        self.denied = head.denied;
        self.rule = head.rule;
        self.cause = head.cause;
    }
}
