//! Response frames in, bytes for the client out. The ring is trusted no more than a client: a frame
//! out of order, a field with a line end in it or a byte too many ends the conversation.

use fosse_http1::{HeadWriter, LAST_CHUNK, Name, reason, same_name, trailer_allowed, write_chunk};
use fosse_wire::fields::Fields;
use fosse_wire::frame::ResetReason;
use fosse_wire::order::Return;
use fosse_wire::request::BodyLength;
use fosse_wire::response::{Cause, ResponseEnd, ResponseHead};
use fosse_wire::verdict::Cause as Denied;
use fosse_wire::{Frame, Kind, Outbox, WireError};

use crate::conn::{Conn, Phase, Way};
use crate::context::Context;
use crate::exchange::{Expect, Framing, Lease};
use crate::pages::{self, Page};
use crate::refused::Refused;
use crate::response_fields::{UNWRITABLE, framing_of, put_all_fields, put_fields, put_framing, put_own_fields};

const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");

/// The interim response for a client that waits before it sends its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Most bytes around a chunk: its length in hexadecimal digits, and two line ends.
const CHUNK_FRAMING_BYTES: usize = 20;

impl Conn {
    /// Takes a frame of the stream under way.
    ///
    /// # Errors
    /// Whatever breaks the protocol; the ring is dead then.
    // Each of these four has one caller, and left alone they stay calls: 2 % of a small request.
    #[inline]
    pub fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        way: Way,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        if !self.exchange.open || frame.stream != self.stream {
            return late(frame.kind);
        }
        if self.exchange.is_encoded != (way == Way::Encode) && !self.changes_way(frame, way, context, out)? {
            return Ok(());
        }
        if frame.kind == Kind::Response {
            let head = ResponseHead::decode(frame.body)?;
            self.exchange.back = self.exchange.back.after(frame.kind, head.interim)?;
            if head.interim && head.status != 100 {
                // Not bounded by credit. 100 is written once at the most.
                self.exchange.interims = self.exchange.interims.and(frame.body.len())?;
            }
            self.pinned |= head.pinned;
            return if self.exchange.discard { Ok(()) } else { self.on_head(&head, context, out) };
        }
        self.exchange.back = self.exchange.back.after(frame.kind, false)?;
        match frame.kind {
            _ if self.exchange.discard => {
                self.exchange.open = self.exchange.back != Return::Ended;
                Ok(())
            }
            Kind::ResponseData => self.on_data(frame.body, context),
            Kind::ResponseEnd => self.on_end(&ResponseEnd::decode(frame.body)?, context, out),
            Kind::Reset => {
                let reason = frame.reset()?;
                self.on_reset(reason, context, out);
                Ok(())
            }
            Kind::RequestCredit => {
                self.on_credit(frame.credit()?, context)?;
                self.resume(context, out);
                Ok(())
            }
            kind => Err(WireError::Order(kind)),
        }
    }

    /// Takes a frame that comes by the other way than those before it. The head of the response is
    /// what decides by which it comes; what crosses it says nothing any more. Returns whether the
    /// frame counts.
    fn changes_way(
        &mut self,
        frame: &Frame<'_>,
        way: Way,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<bool, WireError> {
        match (way, frame.kind) {
            (Way::Encode, Kind::Response) if self.exchange.back == Return::Waiting => {
                if ResponseHead::decode(frame.body)?.interim {
                    return Err(WireError::Order(frame.kind));
                }
                self.exchange.is_encoded = true;
                if self.exchange.discard {
                    // It was given up before it was known by which way it comes.
                    context.towards_response(true, out).reset(self.stream, ResetReason::Client);
                }
                Ok(true)
            }
            // Its head was still held there: it was cut by its server, or has no client any more.
            (Way::Encode, Kind::Reset) if self.exchange.back == Return::Waiting => Ok(true),
            // The second is that of whoever has sent the response to encode, which is gone.
            (Way::Ring, Kind::RequestCredit | Kind::Reset) => Ok(true),
            (Way::Ring, Kind::Response) if ResponseHead::decode(frame.body)?.interim => Ok(false),
            _ => Err(WireError::Order(frame.kind)),
        }
    }

    #[inline]
    fn on_head(&mut self, head: &ResponseHead<'_>, context: &mut Context, out: &mut Outbox) -> Result<(), WireError> {
        context.buffers.lend(&mut self.output.bytes);
        if head.interim {
            return self.on_interim(head);
        }
        self.exchange.response_begun = true;
        self.exchange.note(head);
        self.exchange.head_ms = context.now_ms;
        // 500 is for a response that the rules had no time for, which is not the client's fault.
        if head.cause == Cause::Denied(Denied::Budget) && head.status == 503 {
            let Context { sources, settings, .. } = context;
            sources.overran(self.record.listener, &self.exchange.client, settings);
        }
        if head.own
            && let Some(refused) = Refused::of_response(head)
        {
            self.report_refusal(b"", refused, context);
        }
        self.decide_close(head, context);
        let asked = (self.exchange.policy, self.exchange.request);
        let page = pages::of_response(head, asked, self.reader.as_deref(), &context.settings);
        self.write_head(head, page.as_ref(), context)?;
        if let Some(page) = page {
            self.write_page(&page);
        }
        if head.lease {
            if self.pace.is_some() && !head.upgrade {
                return Err(WireError::Field("lease"));
            }
            self.exchange.lease = Lease::Wanted;
        }
        if head.denied && self.phase == Phase::Body {
            out.reset(self.stream, ResetReason::Denied);
            self.exchange.forward_done = true;
            self.phase = Phase::Response;
        }
        Ok(())
    }

    /// Passes an interim response on to a client that can read it: 100 is sent once, and only to
    /// one that waits for it.
    fn on_interim(&mut self, head: &ResponseHead<'_>) -> Result<(), WireError> {
        if head.status == 100 {
            self.send_continue();
        } else if !self.exchange.http10 {
            let phrase = reason(head.status).as_bytes();
            let mut writer =
                HeadWriter::response(&mut self.output.bytes, head.status, phrase).map_err(|_| UNWRITABLE)?;
            put_all_fields(&mut writer, head.fields)?;
            writer.finish();
        }
        Ok(())
    }

    /// Returns whether the client holds its body back and has no response yet.
    pub(crate) fn waits_for_continue(&self) -> bool {
        self.phase == Phase::Body && self.exchange.expect == Expect::Pending && !self.exchange.response_begun
    }

    /// Sends 100 Continue to a client that waits for it.
    pub(crate) fn send_continue(&mut self) {
        if self.waits_for_continue() {
            self.exchange.expect = Expect::No;
            self.output.bytes.extend_from_slice(CONTINUE);
        }
    }

    /// Decides whether the connection ends after this response: if either side says so, and if the
    /// request is not whole, since its body and what follows could not be distinguished.
    fn decide_close(&mut self, head: &ResponseHead<'_>, context: &Context) {
        let requests_max = u64::from(context.settings.blob.connection_requests_max);
        let last = requests_max > 0 && self.requests >= requests_max;
        let exchange = &mut self.exchange;
        // A login goes on over the connection it began on; once it is through, the next response
        // ends that.
        let login = head.pinned && head.status == 401;
        let drains = context.drain.has_begun() && !login;
        exchange.close |= head.close || head.denied || exchange.client_closes || drains || last;
        exchange.close |= self.phase == Phase::Body || (exchange.http10 && head.body == BodyLength::Chunked);
    }

    fn write_head(
        &mut self,
        head: &ResponseHead<'_>,
        page: Option<&Page<'_>>,
        context: &Context,
    ) -> Result<(), WireError> {
        let phrase = reason(head.status).as_bytes();
        let body = page.map_or(head.body, |page| BodyLength::Exact(u64::try_from(page.body.len()).unwrap_or(0)));
        let head = &ResponseHead { body, ..*head };
        let framing = framing_of(head, self.exchange.is_head, self.exchange.http10);
        let request_id = self.exchange.shown_request_id(&context.settings);
        let mut writer = HeadWriter::response(&mut self.output.bytes, head.status, phrase).map_err(|_| UNWRITABLE)?;
        match (page, &request_id) {
            (None, None) => put_all_fields(&mut writer, head.fields)?,
            (page, id) => {
                let ours = |name| {
                    page.is_some() && same_name(name, b"content-type")
                        || id.is_some() && same_name(name, b"x-request-id")
                };
                put_fields(&mut writer, head.fields.into_iter().filter(|(name, _)| !ours(name)))?;
                put_own_fields(&mut writer, page, id.as_deref()).map_err(|_| UNWRITABLE)?;
            }
        }
        if head.upgrade {
            let offered = context.settings.upgrade_token(self.exchange.upgrade);
            if offered.is_empty() || !head.lease || self.phase != Phase::Response {
                return Err(WireError::Field("upgrade"));
            }
            writer.own(CONNECTION, b"Upgrade").map_err(|_| UNWRITABLE)?;
            writer.own(UPGRADE, offered).map_err(|_| UNWRITABLE)?;
        } else {
            put_framing(&mut writer, head, framing).map_err(|_| UNWRITABLE)?;
            let word: &[u8] = if self.exchange.close { b"close" } else { b"keep-alive" };
            if self.exchange.close || self.exchange.http10 {
                writer.own(CONNECTION, word).map_err(|_| UNWRITABLE)?;
            }
        }
        writer.finish();
        self.exchange.framing = framing;
        Ok(())
    }

    /// Writes a page, in place of the body that comes.
    fn write_page(&mut self, page: &Page<'_>) {
        let exchange = &mut self.exchange;
        if let Framing::Exact(length) = exchange.framing {
            self.output.make_room(page.body.len());
            self.output.bytes.extend_from_slice(&page.body);
            exchange.bytes_out = length;
        }
        (exchange.framing, exchange.replaced) = (Framing::None, true);
    }

    #[inline]
    fn on_data(&mut self, data: &[u8], context: &mut Context) -> Result<(), WireError> {
        let length = u32::try_from(data.len()).map_err(|_| WireError::Credit)?;
        let exchange = &mut self.exchange;
        if exchange.lease != Lease::No {
            return Err(WireError::Order(Kind::ResponseData));
        }
        exchange.response_credit.spend(length)?;
        // A verdict does not say what the method was: after HEAD the page of a denial has nowhere
        // to go. Nor has one in whose place the site's has been written.
        if exchange.framing == Framing::None && (exchange.denied || exchange.replaced) {
            return Ok(());
        }
        exchange.bytes_out += u64::from(length);
        context.buffers.lend(&mut self.output.bytes);
        self.output.make_room(data.len() + CHUNK_FRAMING_BYTES);
        let exchange = &mut self.exchange;
        match &mut exchange.framing {
            Framing::Exact(left) => {
                *left = left.checked_sub(u64::from(length)).ok_or(WireError::Field("response length"))?;
                self.output.bytes.extend_from_slice(data);
            }
            Framing::Chunked => write_chunk(&mut self.output.bytes, data),
            Framing::UntilClose => self.output.bytes.extend_from_slice(data),
            Framing::None => return Err(WireError::Field("response length")),
        }
        Ok(())
    }

    #[inline]
    fn on_end(&mut self, end: &ResponseEnd<'_>, context: &mut Context, out: &mut Outbox) -> Result<(), WireError> {
        let leased = self.exchange.lease == Lease::Out;
        if !leased && (end.leased_bytes != 0 || self.exchange.lease != Lease::No) {
            return Err(WireError::Field("leased bytes"));
        }
        match self.exchange.framing {
            Framing::Exact(left) if left != end.leased_bytes => return Err(WireError::Field("response length")),
            Framing::Chunked if !leased => self.write_last_chunk(end.trailers)?,
            _ => {}
        }
        let sent = self.exchange.bytes_out.checked_add(end.leased_bytes);
        self.exchange.bytes_out = sent.ok_or(WireError::Field("leased bytes"))?;
        self.shown.bytes_out = self.shown.bytes_out.wrapping_add(end.leased_bytes);
        self.exchange.lease = Lease::No;
        self.complete(context, out);
        Ok(())
    }

    fn write_last_chunk(&mut self, trailers: Fields<'_>) -> Result<(), WireError> {
        if trailers.is_empty() {
            self.output.bytes.extend_from_slice(LAST_CHUNK);
            return Ok(());
        }
        self.output.bytes.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.into_iter().filter(|(name, _)| trailer_allowed(name)) {
            if !fosse_http1::is_token(name) || !fosse_http1::is_value(value) {
                return Err(UNWRITABLE);
            }
            for part in [name, b": ", value, b"\r\n"] {
                self.output.bytes.extend_from_slice(part);
            }
        }
        self.output.bytes.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Ends an exchange without a whole response: with 502 where the client has seen nothing yet,
    /// else with a reset.
    fn on_reset(&mut self, reason: ResetReason, context: &mut Context, out: &mut Outbox) {
        if !self.exchange.forward_done {
            out.reset(self.stream, ResetReason::Echo);
            self.exchange.forward_done = true;
        }
        self.exchange.open = false;
        context.counters.add(fosse_counters::parse::RESETS, 1);
        if self.exchange.response_begun {
            self.abort(reason, context, out);
        } else {
            self.refuse(Refused::NO_RESPONSE, context, out);
        }
    }

    /// Takes credit for the request body. Whoever grants it has decided to read the body, so a
    /// client that waits for 100 Continue gets it.
    fn on_credit(&mut self, credit: u32, context: &mut Context) -> Result<(), WireError> {
        let held_up = !self.wants_input();
        if !context.credit_unlimited {
            let sum = self.exchange.request_credit.checked_add(credit);
            self.exchange.request_credit = sum.ok_or(WireError::Credit)?;
        }
        if self.phase == Phase::Body {
            // One that was free to send all the time has no excuse.
            if held_up {
                self.restart_body_limit();
            }
            if self.waits_for_continue() {
                context.buffers.lend(&mut self.output.bytes);
                self.send_continue();
            }
        }
        Ok(())
    }
}

/// Accepts what may come for a stream that has ended here: frames that crossed its end.
const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}
