//! Response frames in, bytes for the client out. What comes is believed no more than a client: a frame out of order, a field with a line
//! end in it or a byte too many ends the conversation with the ring.

use fosse_http1::{HeadWriter, LAST_CHUNK, Name, NameSet, Unwritable, reason, trailer_allowed, write_chunk};
use fosse_wire::fields::Fields;
use fosse_wire::frame::ResetReason;
use fosse_wire::order::Return;
use fosse_wire::request::BodyLength;
use fosse_wire::response::{ResponseEnd, ResponseHead};
use fosse_wire::{Frame, Kind, Outbox, WireError};

use crate::conn::{Conn, Phase};
use crate::exchange::{Expect, Framing, Lease};
use crate::lane::Lane;

const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");
const TRANSFER_ENCODING: Name = Name::new("Transfer-Encoding");

/// Fields that parse writes itself.
static OURS: NameSet<5> = NameSet::new(["upgrade", "connection", "keep-alive", "content-length", "transfer-encoding"]);

/// The answer to a client that waits before it sends its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What a chunk has around it: its length in hexadecimal digits, and two line ends.
const CHUNK_FRAMING_BYTES: usize = 20;

/// A field or a number that dispatch must not have sent.
const UNWRITABLE: WireError = WireError::Field("response field");

impl Conn {
    /// Takes a frame of the stream under way.
    ///
    /// # Errors
    /// Whatever breaks the protocol; the ring is dead then.
    pub fn on_frame(&mut self, frame: &Frame<'_>, lane: &mut Lane, out: &mut Outbox) -> Result<(), WireError> {
        if !self.exchange.open || frame.stream != self.stream {
            return late(frame.kind);
        }
        if frame.kind == Kind::Response {
            let head = ResponseHead::decode(frame.body)?;
            self.exchange.back = self.exchange.back.after(frame.kind, head.interim)?;
            if head.interim && head.status != 100 {
                // Not bounded by credit. 100 is written once at the most.
                self.exchange.interims = self.exchange.interims.and(frame.body.len())?;
            }
            self.pinned |= head.pinned;
            return if self.exchange.discard { Ok(()) } else { self.on_head(&head, lane, out) };
        }
        self.exchange.back = self.exchange.back.after(frame.kind, false)?;
        match frame.kind {
            _ if self.exchange.discard => {
                self.exchange.open = self.exchange.back != Return::Ended;
                Ok(())
            }
            Kind::ResponseData => self.on_data(frame.body, lane),
            Kind::ResponseEnd => self.on_end(&ResponseEnd::decode(frame.body)?, lane, out),
            Kind::Reset => {
                let reason = frame.reset()?;
                self.on_reset(reason, lane, out);
                Ok(())
            }
            Kind::RequestCredit => {
                self.on_credit(frame.credit()?, lane);
                self.resume(lane, out);
                Ok(())
            }
            kind => Err(WireError::Order(kind)),
        }
    }

    fn on_head(&mut self, head: &ResponseHead<'_>, lane: &mut Lane, out: &mut Outbox) -> Result<(), WireError> {
        lane.lend(&mut self.output);
        if head.interim {
            return self.on_interim(head);
        }
        self.exchange.answered = true;
        self.exchange.note(head);
        self.decide_close(head, lane);
        self.write_head(head, lane)?;
        if head.lease {
            self.exchange.lease = Lease::Wanted;
        }
        if head.denied && self.phase == Phase::Body {
            out.reset(self.stream, ResetReason::Denied);
            self.exchange.forward_done = true;
            self.phase = Phase::Answer;
            self.deadline_ms = u64::MAX;
        }
        Ok(())
    }

    /// 100 is said once, and only to a client that waits for it; other interim answers are passed on to who can read them.
    fn on_interim(&mut self, head: &ResponseHead<'_>) -> Result<(), WireError> {
        if head.status == 100 {
            self.say_continue();
        } else if !self.exchange.old {
            let phrase = reason(head.status).as_bytes();
            let mut writer = HeadWriter::response(&mut self.output, head.status, phrase).map_err(|_| UNWRITABLE)?;
            put_fields(&mut writer, head.fields)?;
            writer.finish();
        }
        Ok(())
    }

    /// The client holds its body back and has no answer yet.
    #[must_use]
    pub fn waits_for_continue(&self) -> bool {
        self.phase == Phase::Body && self.exchange.expect == Expect::Pending && !self.exchange.answered
    }

    /// Tells a client that waits that it may send its body.
    pub fn say_continue(&mut self) {
        if self.waits_for_continue() {
            self.exchange.expect = Expect::No;
            self.output.extend_from_slice(CONTINUE);
        }
    }

    /// The connection ends after this answer if either side says so, and if the request is not whole: what follows could not be told from
    /// its body.
    fn decide_close(&mut self, head: &ResponseHead<'_>, lane: &Lane) {
        let last = lane.settings.blob.connection_requests_max > 0
            && self.requests >= lane.settings.blob.connection_requests_max;
        let exchange = &mut self.exchange;
        // A handshake goes on over the connection it began on; once it is through, the next answer ends that.
        let handshake = head.pinned && head.status == 401;
        let drains = lane.draining && !handshake;
        exchange.close |= head.close || head.denied || exchange.client_closes || drains || last;
        exchange.close |= self.phase == Phase::Body || (exchange.old && head.body == BodyLength::Chunked);
    }

    fn write_head(&mut self, head: &ResponseHead<'_>, lane: &Lane) -> Result<(), WireError> {
        let phrase = reason(head.status).as_bytes();
        let framing = framing_of(head, self.exchange.is_head, self.exchange.old);
        let mut writer = HeadWriter::response(&mut self.output, head.status, phrase).map_err(|_| UNWRITABLE)?;
        put_fields(&mut writer, head.fields)?;
        if head.upgrade {
            let offered = lane.settings.upgrade_token(self.exchange.upgrade);
            if offered.is_empty() || !head.lease || self.phase != Phase::Answer {
                return Err(WireError::Field("upgrade"));
            }
            writer.own(CONNECTION, b"Upgrade").map_err(|_| UNWRITABLE)?;
            writer.own(UPGRADE, offered).map_err(|_| UNWRITABLE)?;
        } else {
            put_framing(&mut writer, head, framing).map_err(|_| UNWRITABLE)?;
            let word: &[u8] = if self.exchange.close { b"close" } else { b"keep-alive" };
            if self.exchange.close || self.exchange.old {
                writer.own(CONNECTION, word).map_err(|_| UNWRITABLE)?;
            }
        }
        writer.finish();
        self.exchange.framing = framing;
        Ok(())
    }

    fn on_data(&mut self, data: &[u8], lane: &mut Lane) -> Result<(), WireError> {
        let length = u32::try_from(data.len()).map_err(|_| WireError::Credit)?;
        let exchange = &mut self.exchange;
        if exchange.lease != Lease::No {
            return Err(WireError::Order(Kind::ResponseData));
        }
        exchange.answer_credit = exchange.answer_credit.checked_sub(length).ok_or(WireError::Credit)?;
        exchange.owed = exchange.owed.saturating_add(length);
        // A verdict does not say what the method was: the page of a denial has nowhere to go behind a HEAD.
        if exchange.framing == Framing::None && exchange.denied {
            return Ok(());
        }
        exchange.bytes_out = exchange.bytes_out.saturating_add(u64::from(length));
        lane.lend(&mut self.output);
        self.make_room(data.len().saturating_add(CHUNK_FRAMING_BYTES));
        let exchange = &mut self.exchange;
        match &mut exchange.framing {
            Framing::Exact(left) => {
                *left = left.checked_sub(u64::from(length)).ok_or(WireError::Field("response length"))?;
                self.output.extend_from_slice(data);
            }
            Framing::Chunked => write_chunk(&mut self.output, data),
            Framing::UntilClose => self.output.extend_from_slice(data),
            Framing::None => return Err(WireError::Field("response length")),
        }
        Ok(())
    }

    fn on_end(&mut self, end: &ResponseEnd<'_>, lane: &mut Lane, out: &mut Outbox) -> Result<(), WireError> {
        let leased = self.exchange.lease == Lease::Out;
        if !leased && (end.leased_bytes != 0 || self.exchange.lease != Lease::No) {
            return Err(WireError::Field("leased bytes"));
        }
        match self.exchange.framing {
            Framing::Exact(left) if left != end.leased_bytes => return Err(WireError::Field("response length")),
            Framing::Chunked if !leased => self.write_last_chunk(end.trailers)?,
            _ => {}
        }
        self.exchange.bytes_out = self.exchange.bytes_out.saturating_add(end.leased_bytes);
        self.exchange.lease = Lease::No;
        self.complete(lane, out);
        Ok(())
    }

    fn write_last_chunk(&mut self, trailers: Fields<'_>) -> Result<(), WireError> {
        if trailers.is_empty() {
            self.output.extend_from_slice(LAST_CHUNK);
            return Ok(());
        }
        self.output.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.into_iter().filter(|(name, _)| trailer_allowed(name)) {
            if !fosse_http1::is_token(name) || !fosse_http1::is_value(value) {
                return Err(UNWRITABLE);
            }
            for part in [name, b": ", value, b"\r\n"] {
                self.output.extend_from_slice(part);
            }
        }
        self.output.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// No answer, or only a part of one. What the client has seen decides: nothing yet gives 502, a part gives a reset.
    fn on_reset(&mut self, reason: ResetReason, lane: &mut Lane, out: &mut Outbox) {
        if !self.exchange.forward_done {
            out.reset(self.stream, ResetReason::Echo);
            self.exchange.forward_done = true;
        }
        self.exchange.open = false;
        lane.counters.add(fosse_counters::parse::RESETS, 1);
        if self.exchange.answered {
            self.abort(reason, lane, out);
        } else {
            self.refuse(502, "no answer", lane, out);
        }
    }

    /// Whoever grants credit has decided to read the body: a client that waits for that word gets it.
    fn on_credit(&mut self, credit: u32, lane: &mut Lane) {
        let held_up = !self.wants_input();
        self.exchange.request_credit = self.exchange.request_credit.saturating_add(credit);
        if self.phase == Phase::Body {
            // A client that nobody kept from sending has no excuse.
            if held_up {
                self.body_time_anew(lane);
            }
            if self.waits_for_continue() {
                lane.lend(&mut self.output);
                self.say_continue();
            }
        }
    }
}

/// What may come for a stream that has ended here: frames that crossed its end.
const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}

fn framing_of(head: &ResponseHead<'_>, to_head: bool, old: bool) -> Framing {
    if to_head || matches!(head.status, 101 | 204 | 304) {
        return Framing::None;
    }
    match head.body {
        BodyLength::None => Framing::Exact(0),
        BodyLength::Exact(length) => Framing::Exact(length),
        BodyLength::Chunked if old => Framing::UntilClose,
        BodyLength::Chunked => Framing::Chunked,
    }
}

/// The framing fields; an answer without a body states the length that a GET would have got, where it is known.
fn put_framing(writer: &mut HeadWriter<'_>, head: &ResponseHead<'_>, framing: Framing) -> Result<(), Unwritable> {
    match (framing, head.body) {
        (Framing::Exact(length), _) => writer.content_length(length),
        (Framing::None, BodyLength::Exact(length)) if head.status != 204 => writer.content_length(length),
        (Framing::Chunked, _) => writer.own(TRANSFER_ENCODING, b"chunked")?,
        _ => {}
    }
    Ok(())
}

/// The fields as they came, but none that parse writes itself.
fn put_fields(writer: &mut HeadWriter<'_>, fields: Fields<'_>) -> Result<(), WireError> {
    for (name, value) in fields {
        if OURS.contains(name) {
            return Err(WireError::Field("response framing"));
        }
        writer.field(name, value).map_err(|_| UNWRITABLE)?;
    }
    Ok(())
}
