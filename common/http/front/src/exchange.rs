//! One request and its response, from the client's side of the ring.

use fosse_wire::frame::WINDOW_BYTES_INITIAL;
use fosse_wire::order::{Interims, Return};
use fosse_wire::request::{BodyLength, Endpoint};
use fosse_wire::response::{BACKEND_NONE, Cause, ResponseHead};

use crate::credit::ResponseCredit;
use crate::settings::Settings;

/// The site of what belongs to none.
pub(crate) const SITE_NONE: u32 = u32::MAX;

/// The rest of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLeft {
    /// It has none.
    None,
    /// This number of bytes is still to come.
    Exact(u64),
    /// As much as comes until its end.
    Unknown,
}

impl BodyLeft {
    /// Returns what is to come after a head; `to_head` says that it responds to HEAD.
    #[must_use]
    pub const fn after(head: &ResponseHead<'_>, to_head: bool) -> Self {
        if to_head || matches!(head.status, 101 | 204 | 304) {
            return Self::None;
        }
        match head.body {
            BodyLength::None => Self::Exact(0),
            BodyLength::Exact(length) => Self::Exact(length),
            BodyLength::Chunked => Self::Unknown,
        }
    }
}

/// The process that writes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
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
    pub forward_done: bool,
    /// The response comes by way of fosse-encode.
    pub is_encoded: bool,
    /// Order of the frames of the response.
    pub back: Return,
    /// Its interim heads so far.
    pub interims: Interims,
    /// The client is gone, or got a local response: frames of the response are thrown away.
    pub discard: bool,
    /// Body bytes that the site takes.
    pub body_bytes_max: u64,
    /// Body bytes that may be sent into the ring.
    pub request_credit: u32,
    /// The final head was written for the client.
    pub response_begun: bool,
    /// The rest of the response's body.
    pub left: BodyLeft,
    /// The name that a trusted proxy has given the request, where clients are told of it.
    pub request_name: Option<Box<[u8]>>,
    /// Its body has been written in place of the one that comes.
    pub replaced: bool,
    /// It ends when the client has closed its side.
    pub abort_on_close: bool,
    /// The request was HEAD.
    pub is_head: bool,
    /// Index of the upgrade token that was offered.
    pub upgrade: Option<usize>,
    /// Nothing of its response is lent but an upgrade: it has a rate, or is one of many streams.
    pub(crate) is_sent_here: bool,
    /// The process that writes to the client.
    pub lease: Lease,
    /// Body bytes of the response that may come from the ring.
    pub(crate) response_credit: ResponseCredit,
    /// Beginning of the request in milliseconds.
    pub begun_ms: u64,
    /// Number of the request.
    pub request: u64,
    /// Time when the request had come whole; 0 before.
    pub request_done_ms: u64,
    /// Time when the head of the response came; 0 before.
    pub head_ms: u64,
    /// Beginning of the request in microseconds: that of its turn, or where there is an access log
    /// that of the clock.
    pub begun_us: u64,
    /// It is counted for its site.
    pub counted: bool,
    /// Index of the site.
    pub site: u32,
    /// Number of the policy; one that there is not, before it is known.
    pub policy: u32,
    /// The client.
    pub client: Endpoint,
    /// Status of the response.
    pub status: u16,
    /// Body bytes received.
    pub bytes_in: u64,
    /// Body bytes handed on to the client.
    pub bytes_out: u64,
    /// Number of the server that sent the response.
    pub backend: u32,
    /// Microseconds until its first byte.
    pub backend_us: u32,
    /// Number of times the request was sent again.
    pub retries: u8,
    /// A filter denied it.
    pub denied: bool,
    /// Id of the rule that did.
    pub rule: u32,
    /// The cause, where no application responded.
    pub cause: Cause,
}

impl Exchange {
    /// Returns the name or number of the request for its client, where the policy shows it.
    pub fn shown_request_id(&self, settings: &Settings) -> Option<Vec<u8>> {
        settings.policy(self.policy).filter(|policy| policy.send_request_id && self.open)?;
        let number = || format!("{:016x}", self.request).into_bytes();
        Some(self.request_name.as_ref().map_or_else(number, |name| name.to_vec()))
    }

    /// Returns the state before the first request of a connection.
    pub const fn none() -> Self {
        Self {
            open: false,
            forward_done: true,
            is_encoded: false,
            back: Return::Ended,
            interims: Interims::NONE,
            discard: false,
            body_bytes_max: u64::MAX,
            request_credit: WINDOW_BYTES_INITIAL,
            response_begun: false,
            left: BodyLeft::None,
            request_name: None,
            replaced: false,
            abort_on_close: false,
            is_head: false,
            upgrade: None,
            is_sent_here: false,
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

    /// Returns the state when the head of a request has just come.
    pub(crate) fn begun(is_head: bool) -> Self {
        Self { open: true, forward_done: false, counted: false, back: Return::Waiting, is_head, ..Self::none() }
    }

    /// Takes what the log and the end of the exchange need from the head of the response.
    pub fn note(&mut self, head: &ResponseHead<'_>) {
        self.status = head.status;
        self.backend = head.backend;
        self.backend_us = head.backend_us;
        self.retries = head.retries;
        self.denied = head.denied;
        self.rule = head.rule;
        self.cause = head.cause;
    }
}
