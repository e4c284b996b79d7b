//! A response until it is evaluated: pending, then buffered.

use fosse_bodies::inflate::Requested;
use fosse_wire::{
    Frame, Kind, StreamId, WireError,
    frame::WINDOW_BYTES_INITIAL,
    request::{BodyLength, RequestHead},
    response::ResponseHead,
};

use super::flow::Flow;
use crate::{content_encoding, evaluation::Evaluation, memory::length_of, outputs::Outputs};

/// A request that has passed, with what the rules know of it.
#[derive(Debug)]
pub(crate) struct PendingResponse {
    pub(crate) evaluation: Box<Evaluation>,
    /// The request's head as it came, for reports.
    request_head: Vec<u8>,
    /// Bytes for which it counts in the lane's memory.
    bytes: u64,
}

impl PendingResponse {
    /// Keeps an evaluation and the head of its request.
    pub(crate) fn new(mut evaluation: Box<Evaluation>, request_head: &[u8]) -> Self {
        evaluation.transaction.request_is_over();
        let bytes = length_of(evaluation.transaction.bytes() + request_head.len());
        Self { evaluation, request_head: request_head.to_vec(), bytes }
    }

    /// Decodes the request's head.
    ///
    /// # Errors
    /// As [`RequestHead::decode`]; it was decoded once before, so none is expected.
    pub(crate) fn request_head(&self) -> Result<RequestHead<'_>, WireError> {
        RequestHead::decode(&self.request_head)
    }

    /// Returns the bytes for which it counts in the lane's memory.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A response that is buffered until it is evaluated.
#[derive(Debug)]
pub(crate) struct BufferedResponse {
    pub(crate) pending: PendingResponse,
    /// RESPONSE or ENCODE, and its body.
    head: (Kind, Vec<u8>),
    pub(crate) body: Vec<u8>,
    /// The end as it came, with its trailers.
    pub(crate) end: Option<Vec<u8>>,
    /// Bytes dispatch may still send, a window at most.
    credit_bytes: u32,
    /// It waits for time.
    pub(crate) is_queued: bool,
    /// It is evaluated as far as it has come.
    pub(crate) is_part: bool,
    /// Coding of its body.
    pub(crate) coding: Requested,
    /// Bytes its head announces; `None` for no body or one of unknown length.
    announced_bytes: Option<u64>,
    /// A body can follow.
    pub(crate) has_body: bool,
}

impl BufferedResponse {
    /// Buffers the head of a response and hands it to the rules.
    ///
    /// # Errors
    /// [`WireError`] where the request's head does not read as it did before.
    pub(crate) fn new(
        mut pending: PendingResponse,
        frame: &Frame<'_>,
        head: &ResponseHead<'_>,
    ) -> Result<Self, WireError> {
        // These have no body, whatever their heads announce (RFC 9112, section 6.3).
        let may_have_body = pending.request_head()?.method != b"HEAD" && !matches!(head.status, 101 | 204 | 304);
        let announced_bytes = match head.body {
            BodyLength::Exact(length) if may_have_body => Some(length),
            _ => None,
        };
        pending.evaluation.response_head(head);
        Ok(Self {
            pending,
            head: (frame.kind, frame.body.to_vec()),
            body: Vec::new(),
            end: None,
            credit_bytes: WINDOW_BYTES_INITIAL,
            is_queued: false,
            is_part: false,
            coding: content_encoding::requested_by(head.fields),
            announced_bytes,
            has_body: may_have_body && !matches!(head.body, BodyLength::None | BodyLength::Exact(0)),
        })
    }

    /// Appends body bytes.
    ///
    /// # Errors
    /// [`WireError::Credit`] for more of them than were granted.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let length = u32::try_from(bytes.len()).map_err(|_| WireError::Credit)?;
        self.credit_bytes = self.credit_bytes.checked_sub(length).ok_or(WireError::Credit)?;
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// Tells whether the head announces more than `limit` bytes.
    pub(crate) fn announces_more_than(&self, limit: usize) -> bool {
        self.announced_bytes.is_some_and(|length| length > length_of(limit))
    }

    /// Lets dispatch send as much as a window holds.
    pub(crate) fn grant(&mut self, stream: StreamId, out: &mut Outputs<'_>) {
        let grant = WINDOW_BYTES_INITIAL - self.credit_bytes;
        self.credit_bytes = WINDOW_BYTES_INITIAL;
        out.to_dispatch.credit(stream, Kind::ResponseCredit, grant);
    }

    /// Returns the bytes for which it counts in the lane's memory, those of its request included.
    pub(crate) fn buffered_bytes(&self) -> u64 {
        length_of(self.body.len()) + self.pending.bytes
    }

    /// Returns the bytes that are free once it has given way. One of which a part is evaluated does
    /// not grow any more.
    pub(crate) fn yieldable_bytes(&self) -> u64 {
        if self.is_part { 0 } else { length_of(self.body.len()) }
    }

    /// Tells whether it goes to encode once it has passed.
    pub(crate) fn is_encoded(&self) -> bool {
        self.head.0 == Kind::Encode
    }

    /// Sends the head on; returns the rest, which follows as there is room and `gives_way` where
    /// memory is used up, and the evaluation, which is over.
    ///
    /// # Errors
    /// [`WireError`] where the head does not read as it did before.
    pub(crate) fn release(
        self,
        stream: StreamId,
        (gives_way, can_encode): (bool, bool),
        out: &mut Outputs<'_>,
    ) -> Result<(Evaluation, Flow), WireError> {
        let (kind, head) = &self.head;
        out.head((stream, *kind), head, can_encode)?;
        Ok((*self.pending.evaluation, Flow::new(self.body, self.end, u64::from(self.credit_bytes), gives_way)))
    }
}
