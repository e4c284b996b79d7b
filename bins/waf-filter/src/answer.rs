//! An answer on its way back: what is known of it until it is judged, and what flows of it afterwards.

use fosse_bodies::inflate::Requested;
use fosse_wire::{
    Kind, StreamId, WireError,
    frame::WINDOW_BYTES_INITIAL,
    request::{BodyLength, RequestHead},
    response::ResponseHead,
};

use crate::{case::Case, encoding, judge::Out};

/// What happens to the frames that come back for a stream.
#[derive(Debug, Default)]
pub(crate) enum Back {
    /// They pass: nobody judges this answer, or it is judged.
    #[default]
    Pass,
    /// The request has gone on, and its answer has not begun.
    Awaited(Box<Kept>),
    /// They are held until the answer is judged.
    Hold(Box<HeldAnswer>),
    /// It is judged; they go on as parse has room for them.
    Flow(Box<Flow>),
    /// A verdict is on its way to dispatch: what still comes of the answer is dropped, up to the head of the one in its place.
    Replaced,
    /// The client is gone: what still comes of the answer is dropped, and parse waits for an end.
    Gone,
}

/// A request that has passed, with what the rules know of it.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) case: Box<Case>,
    /// Its head as it came, for what is said of it.
    request: Vec<u8>,
    /// What it counts for in the lane's memory.
    pub(crate) bytes: u64,
}

impl Kept {
    pub(crate) fn new(mut case: Box<Case>, request: &[u8]) -> Self {
        case.transaction.request_is_over();
        let bytes = u64::try_from(case.transaction.bytes().saturating_add(request.len())).unwrap_or(u64::MAX);
        Self { case, request: request.to_vec(), bytes }
    }

    /// The request's head.
    ///
    /// # Errors
    /// As [`RequestHead::decode`]; it was decoded once before, so none is expected.
    pub(crate) fn request(&self) -> Result<RequestHead<'_>, WireError> {
        RequestHead::decode(&self.request)
    }
}

/// An answer that is held until it is judged.
#[derive(Debug)]
pub(crate) struct HeldAnswer {
    pub(crate) kept: Kept,
    head: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// The end as it came, with its trailers.
    pub(crate) end: Option<Vec<u8>>,
    /// Bytes dispatch may still send.
    pub(crate) credit: u64,
    /// It waits for its turn.
    pub(crate) queued: bool,
    /// It is judged as far as it has come.
    pub(crate) in_part: bool,
    /// How its body is encoded.
    pub(crate) coding: Requested,
    /// Bytes its head announces; `None` for no body or one of unknown length.
    pub(crate) announced: Option<u64>,
    /// A body can follow.
    pub(crate) bodied: bool,
}

impl HeldAnswer {
    /// Holds the head of an answer and gives it to the rules.
    ///
    /// # Errors
    /// [`WireError`] where the request's head does not read as it did before.
    pub(crate) fn new(mut kept: Kept, bytes: &[u8], head: &ResponseHead<'_>) -> Result<Self, WireError> {
        let to_head = kept.request()?.method == b"HEAD";
        let bodied = !to_head && !matches!(head.status, 101 | 204 | 304);
        let announced = match head.body {
            BodyLength::Exact(length) if bodied => Some(length),
            _ => None,
        };
        kept.case.answer(head);
        Ok(Self {
            kept,
            head: bytes.to_vec(),
            body: Vec::new(),
            end: None,
            credit: u64::from(WINDOW_BYTES_INITIAL),
            queued: false,
            in_part: false,
            coding: encoding::of(head.fields),
            announced,
            bodied: bodied && !matches!(head.body, BodyLength::None | BodyLength::Exact(0)),
        })
    }

    /// Takes body bytes.
    ///
    /// # Errors
    /// [`WireError::Credit`]: more of them than were granted.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.credit = paid(self.credit, bytes)?;
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// Lets dispatch send as much as a window holds.
    pub(crate) fn grant(&mut self, stream: StreamId, out: &mut Out<'_>) {
        let grant = u32::try_from(u64::from(WINDOW_BYTES_INITIAL).saturating_sub(self.credit)).unwrap_or(0);
        self.credit = self.credit.saturating_add(u64::from(grant));
        out.on.credit(stream, Kind::ResponseCredit, grant);
    }

    /// What the lane's memory counts for it.
    pub(crate) fn bytes(&self) -> u64 {
        length(&self.body).saturating_add(self.kept.bytes)
    }

    /// Lets the head go; the rest follows as there is room. The case is over.
    pub(crate) fn release(self, stream: StreamId, out: &mut Out<'_>) -> (Box<Case>, Flow) {
        out.back.raw(stream, Kind::Response, &self.head);
        (self.kept.case, Flow { body: self.body, sent: 0, end: self.end, credit: self.credit })
    }
}

/// The body of an answer that has passed.
#[derive(Debug)]
pub(crate) struct Flow {
    body: Vec<u8>,
    /// Bytes of it that are sent.
    sent: usize,
    /// The end as it came.
    pub(crate) end: Option<Vec<u8>>,
    /// Bytes dispatch may still send.
    credit: u64,
}

impl Flow {
    /// Takes body bytes.
    ///
    /// # Errors
    /// [`WireError::Credit`]: more of them than were granted.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.credit = paid(self.credit, bytes)?;
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// Sends what parse has `room` for, and grants dispatch what room is left beyond what it has: true when nothing is left to do,
    /// since all is sent and whatever comes next can pass as it is.
    pub(crate) fn pump(&mut self, stream: StreamId, room: &mut u64, out: &mut Out<'_>) -> bool {
        let rest = self.body.get(self.sent..).unwrap_or_default();
        let now = usize::try_from(*room).unwrap_or(usize::MAX).min(rest.len());
        let (part, rest) = rest.split_at(now);
        out.back.data(stream, Kind::ResponseData, part);
        *room = room.saturating_sub(length(part));
        let waiting = length(rest);
        self.sent = self.sent.saturating_add(now);
        if waiting == 0 {
            if let Some(end) = self.end.take() {
                out.back.raw(stream, Kind::ResponseEnd, &end);
                return true;
            }
            self.body = Vec::new();
            self.sent = 0;
        } else if self.sent >= self.body.len() / 2 {
            // What is sent gives its memory back, in steps that cost no more than the sending did.
            self.body.drain(..self.sent);
            self.body.shrink_to_fit();
            self.sent = 0;
        }
        if self.end.is_none() {
            let free = room.saturating_sub(waiting).saturating_sub(self.credit);
            let grant = u32::try_from(free).unwrap_or(u32::MAX);
            self.credit = self.credit.saturating_add(u64::from(grant));
            out.on.credit(stream, Kind::ResponseCredit, grant);
        }
        waiting == 0 && self.end.is_none() && self.credit == *room
    }

    /// What the lane's memory counts for it.
    pub(crate) fn bytes(&self) -> u64 {
        length(&self.body)
    }
}

fn paid(credit: u64, bytes: &[u8]) -> Result<u64, WireError> {
    credit.checked_sub(length(bytes)).ok_or(WireError::Credit)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
