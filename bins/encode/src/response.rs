//! One response on its way: its head until it can be sent, its encoder, and the credit of both
//! sides.

use fosse_counters::{Counters, encode as count};
use fosse_deadlines::Timer;
use fosse_source::Source;
use fosse_wire::{
    Kind, Outbox, StreamId, WireError,
    encode::{Coding, EncodeHead},
    fields::FieldsWriter,
    frame::WINDOW_BYTES_INITIAL,
    request::BodyLength,
    response::{ResponseEnd, ResponseHead},
};

use crate::{
    coder::{Coder, CoderError, Operation},
    head,
    limits::{EXPANSION, GRANT_BYTES_MIN, HEAD_HELD_BYTES_MAX, WINDOW_BYTES_MAX},
    shared::Shared,
};

/// The limit of a wait: that for the next bytes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause;

/// The treatment of the body.
#[derive(Debug)]
enum Body {
    /// Too few bytes have come to tell; they wait.
    Short(Vec<u8>),
    /// It is encoded.
    Encoded(Coder),
    /// It goes on as it is.
    Plain,
    /// There is none, or its end has come.
    Over,
}

/// A response under way.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) id: StreamId,
    /// accept's number of the client's connection.
    pub(crate) connection: u64,
    /// The word of its source, where a trusted proxy has named it; else 0.
    pub(crate) named_source: u64,
    source: Source,
    coding: Coding,
    level: u8,
    bytes_min: usize,
    /// No body follows.
    no_body: bool,
    /// ENCODE as it came, until RESPONSE is sent.
    head: Option<Vec<u8>>,
    body: Body,
    /// Its coding is in force, whatever has become of the encoder since.
    is_encoded: bool,
    /// Bytes of memory that its encoder is counted with.
    memory_bytes: usize,
    /// Bytes for the client, and how many of them are sent.
    out: Vec<u8>,
    sent: usize,
    /// RESPONSE_END as it is to be sent.
    end: Option<Vec<u8>>,
    /// Bytes that parse has room for.
    room_bytes: u64,
    /// Bytes that may still come.
    credit_bytes: u64,
    /// Bytes of the body that have come, bytes that became of them, flushes: for the bound.
    bytes_in: u64,
    bytes_out: u64,
    flushes: u64,
    /// The encoder holds bytes that the client has not got.
    is_dirty: bool,
    /// Runs while it does.
    pub(crate) pause: Timer<Pause>,
    /// parse has given it up, and waits for an end.
    is_given_up: bool,
}

/// The end of a response's encoder: the process cannot vouch for what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer broke the protocol.
    Wire(WireError),
    /// The library failed.
    Coder(CoderError),
    /// It made more bytes than [`EXPANSION`] allows.
    Expansion,
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<CoderError> for Fault {
    fn from(error: CoderError) -> Self {
        Self::Coder(error)
    }
}

impl Response {
    /// Begins with a head.
    ///
    /// # Errors
    /// [`WireError`] where it is none.
    pub(crate) fn new(id: StreamId, bytes: &[u8]) -> Result<Self, WireError> {
        let head = EncodeHead::decode(bytes)?;
        let has_room = head::has_room(&head, bytes.len());
        let body = if has_room { Body::Short(Vec::new()) } else { Body::Plain };
        Ok(Self {
            id,
            connection: head.connection,
            named_source: head.named_source,
            source: Source::of(&head.client),
            coding: head.coding,
            level: head.level,
            bytes_min: usize::try_from(head.bytes_min).unwrap_or(usize::MAX).min(HEAD_HELD_BYTES_MAX),
            no_body: head.no_body,
            // HEAD tells what GET would.
            is_encoded: has_room && head.no_body,
            head: Some(bytes.to_vec()),
            body,
            memory_bytes: 0,
            out: Vec::new(),
            sent: 0,
            end: None,
            room_bytes: u64::from(WINDOW_BYTES_INITIAL),
            credit_bytes: u64::from(WINDOW_BYTES_INITIAL),
            bytes_in: 0,
            bytes_out: 0,
            flushes: 0,
            is_dirty: false,
            pause: Timer::default(),
            is_given_up: false,
        })
    }

    /// Takes bytes of the body.
    ///
    /// # Errors
    /// [`Fault`]; more bytes than were granted are one.
    pub(crate) fn on_data(&mut self, bytes: &[u8], shared: &mut Shared) -> Result<(), Fault> {
        let length = u64::try_from(bytes.len()).map_err(|_| WireError::Credit)?;
        self.credit_bytes = self.credit_bytes.checked_sub(length).ok_or(WireError::Credit)?;
        if self.is_given_up {
            return Ok(());
        }
        if self.no_body {
            return Err(WireError::Order(Kind::ResponseData).into());
        }
        self.bytes_in += length;
        match &mut self.body {
            Body::Short(short) => {
                short.extend_from_slice(bytes);
                if short.len() >= self.bytes_min {
                    self.begin(shared)?;
                }
            }
            Body::Encoded(_) => self.run(bytes, Operation::Continue, shared)?,
            Body::Plain => self.out.extend_from_slice(bytes),
            Body::Over => return Err(WireError::Order(Kind::ResponseData).into()),
        }
        self.is_dirty = matches!(self.body, Body::Short(_) | Body::Encoded(_));
        Ok(())
    }

    /// Encodes what has come, and from then on all that comes; or lets it pass as it is where
    /// memory for encoders is used up.
    fn begin(&mut self, shared: &mut Shared) -> Result<(), Fault> {
        let Body::Short(short) = std::mem::replace(&mut self.body, Body::Plain) else { return Ok(()) };
        match shared.coder(self.coding, self.level, self.source)? {
            Some((coder, memory_bytes)) => {
                (self.body, self.memory_bytes, self.is_encoded) = (Body::Encoded(coder), memory_bytes, true);
                self.run(&short, Operation::Continue, shared)
            }
            None => {
                self.out = short;
                Ok(())
            }
        }
    }

    fn run(&mut self, bytes: &[u8], operation: Operation, shared: &mut Shared) -> Result<(), Fault> {
        let Body::Encoded(coder) = &mut self.body else { return Ok(()) };
        let before = self.out.len();
        coder.run(bytes, operation, &mut shared.scratch, &mut self.out)?;
        self.bytes_out += length_of(self.out.len() - before);
        self.flushes += u64::from(operation == Operation::Flush);
        if self.bytes_out > EXPANSION.bound(self.bytes_in, self.flushes) { Err(Fault::Expansion) } else { Ok(()) }
    }

    /// Takes the end of the body.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn on_end(&mut self, bytes: &[u8], shared: &mut Shared) -> Result<(), Fault> {
        let end = ResponseEnd::decode(bytes)?;
        if end.leased_bytes != 0 {
            return Err(WireError::Field("leased bytes").into());
        }
        if self.end.is_some() {
            return Err(WireError::Order(Kind::ResponseEnd).into());
        }
        if self.is_given_up {
            self.end = Some(Vec::new());
            return Ok(());
        }
        if let Body::Encoded(_) = &self.body {
            self.run(&[], Operation::Finish, shared)?;
            shared.counters.add(count::ENCODED, 1);
            shared.counters.add(count::BYTES_IN, self.bytes_in);
            shared.counters.add(count::BYTES_OUT, self.bytes_out);
        }
        self.stop(shared);
        self.is_dirty = false;
        self.end = Some(end_of(end, self.is_encoded)?);
        Ok(())
    }

    /// Gives the encoder back; what is still short stays as it is.
    pub(crate) fn stop(&mut self, shared: &mut Shared) {
        match std::mem::replace(&mut self.body, Body::Over) {
            Body::Encoded(coder) => shared.give_back(coder, self.source, self.memory_bytes),
            Body::Short(short) => self.out = short,
            Body::Plain | Body::Over => {}
        }
    }

    /// Makes what the encoder holds go on, as the response pauses.
    ///
    /// # Errors
    /// [`Fault`]
    pub(crate) fn flush(&mut self, shared: &mut Shared) -> Result<(), Fault> {
        if !self.awaits_pause() {
            return Ok(());
        }
        self.is_dirty = false;
        if let Body::Short(_) = self.body {
            self.begin(shared)?;
        }
        self.run(&[], Operation::Flush, shared)
    }

    /// Returns the stream of it.
    pub(crate) const fn id(&self) -> StreamId {
        self.id
    }

    /// Sends what parse has room for and grants what may come in its place. Returns whether all of
    /// the response is sent.
    ///
    /// # Errors
    /// [`WireError`] where the head does not read as it did before.
    pub(crate) fn pump(&mut self, to_parse: &mut Outbox, upstream: &mut Outbox) -> Result<bool, WireError> {
        if self.has_to_send_head() {
            self.send_head(to_parse)?;
        }
        if self.head.is_none() {
            self.send(to_parse);
            if self.sent == self.out.len()
                && let Some(end) = self.end.take()
            {
                to_parse.raw(self.id, Kind::ResponseEnd, &end);
                return Ok(true);
            }
        }
        if self.end.is_none() {
            self.grant(upstream);
        }
        Ok(false)
    }

    /// Returns whether the head cannot wait: the length of the body is known by now, or its
    /// beginning goes on.
    fn has_to_send_head(&self) -> bool {
        let is_held = self.head.is_some();
        let begins = match self.body {
            Body::Short(_) => false,
            // What was flushed is there to be sent.
            Body::Encoded(_) => self.out.len() >= HEAD_HELD_BYTES_MAX || self.flushes > 0,
            Body::Plain => true,
            Body::Over => false,
        };
        is_held && (self.end.is_some() || begins)
    }

    fn send_head(&mut self, to_parse: &mut Outbox) -> Result<(), WireError> {
        let Some(bytes) = self.head.take() else { return Ok(()) };
        let head = EncodeHead::decode(&bytes)?;
        let body = self.length(&head.response);
        to_parse.frame(self.id, Kind::Response, |out| {
            if self.is_encoded { head::put_encoded(out, &head, body) } else { head::put_plain(out, &head, body) }
        })
    }

    /// Returns the length of the body that the client is told.
    fn length(&self, head: &ResponseHead<'_>) -> BodyLength {
        match (&self.end, self.is_encoded) {
            // Nobody has encoded what HEAD does not get.
            (_, true) if self.no_body => BodyLength::Chunked,
            // A response with a length has no trailers.
            (Some(end), _) if !self.no_body && end.len() == EMPTY_END_BYTES => {
                BodyLength::Exact(length_of(self.out.len()))
            }
            (_, true) => BodyLength::Chunked,
            (_, false) => head.body,
        }
    }

    fn send(&mut self, to_parse: &mut Outbox) {
        let rest = &self.out[self.sent..];
        let now = usize::try_from(self.room_bytes).unwrap_or(usize::MAX).min(rest.len());
        to_parse.data(self.id, Kind::ResponseData, &rest[..now]);
        self.sent += now;
        self.room_bytes -= length_of(now);
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        } else if self.sent >= self.out.len() / 2 {
            // What is sent gives its memory back, in steps that cost no more than the sending did.
            self.out.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Grants as much as fits into the window beside what waits here.
    fn grant(&mut self, upstream: &mut Outbox) {
        let short = if let Body::Short(short) = &self.body { short.len() } else { 0 };
        let waiting = length_of(self.out.len() - self.sent + short);
        let taken = waiting + self.credit_bytes;
        if taken + GRANT_BYTES_MIN <= WINDOW_BYTES_MAX {
            let free = WINDOW_BYTES_MAX - taken;
            self.credit_bytes += free;
            upstream.credit(self.id, Kind::ResponseCredit, u32::try_from(free).unwrap_or(0));
        }
    }

    /// Takes what parse has granted.
    ///
    /// # Errors
    /// [`WireError::Credit`] for more than can be counted.
    pub(crate) fn on_credit(&mut self, bytes: u32) -> Result<(), WireError> {
        self.room_bytes = self.room_bytes.checked_add(u64::from(bytes)).ok_or(WireError::Credit)?;
        Ok(())
    }

    /// parse has given it up. Returns whether its end has come already, so that no other will.
    pub(crate) fn give_up(&mut self, shared: &mut Shared) -> bool {
        self.stop(shared);
        (self.is_given_up, self.is_dirty) = (true, false);
        (self.head, self.out, self.sent) = (None, Vec::new(), 0);
        self.end.is_some()
    }

    /// Returns whether parse has given it up.
    pub(crate) const fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Returns whether its end has come.
    pub(crate) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Returns whether its encoder holds bytes that the client could take now: one that has not
    /// taken what is there has no use for more, unless it is the head that waits.
    pub(crate) const fn awaits_pause(&self) -> bool {
        self.is_dirty && (self.head.is_some() || self.sent == self.out.len())
    }

    /// Counts the turns of the process as spent for its client.
    pub(crate) fn work_on(&self, counters: &Counters) {
        counters.work_on(self.connection, self.named_source);
    }
}

/// Bytes of a RESPONSE_END without trailers.
const EMPTY_END_BYTES: usize = 10;

/// Returns the end without the trailers that say something of the bytes as they were.
fn end_of(end: ResponseEnd<'_>, is_encoded: bool) -> Result<Vec<u8>, WireError> {
    let mut out = 0_u64.to_le_bytes().to_vec();
    let mut to = FieldsWriter::new(&mut out);
    for (name, value) in end.trailers {
        if !(is_encoded && head::is_of_the_bytes(name)) {
            to.push(name, value)?;
        }
    }
    to.finish();
    Ok(out)
}

/// A length in memory, as credit counts it.
pub(crate) fn length_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
