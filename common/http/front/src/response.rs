//! Response frames in, each checked and counted once. The ring is trusted no more than a client: a
//! frame out of order, a length that does not hold or a byte without credit ends the conversation.

use fosse_counters::parse as count;
use fosse_wire::frame::ResetReason;
use fosse_wire::order::Return;
use fosse_wire::response::{Cause, ResponseEnd, ResponseHead};
use fosse_wire::verdict::Cause as Denied;
use fosse_wire::{Frame, Kind, Outbox, WireError};

use crate::caller::Caller;
use crate::context::Context;
use crate::exchange::{BodyLeft, Lease};
use crate::pages::{self, Page};
use crate::refused::Refused;
use crate::settings::Settings;
use crate::stream::Stream;

/// The way by which a frame of a response comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From fosse-dispatch, or the filter that judges responses.
    Ring,
    /// From fosse-encode.
    Encode,
}

/// The consequence of a frame for the front.
#[derive(Debug)]
pub enum Heard<'f> {
    /// Nothing.
    Nothing,
    /// To pass an interim response on, where the client can read it; of 100, that the body is
    /// wanted.
    Interim(ResponseHead<'f>),
    /// To write the head, and with [`Stream::begin_response`] what is to come after it.
    Head(ResponseHead<'f>),
    /// To write bytes of the body.
    Data(&'f [u8]),
    /// To end the response, but for its bytes where fosse-dispatch has written them (`is_leased`),
    /// and to [`Stream::complete`] it.
    End {
        /// The end, with trailers.
        end: ResponseEnd<'f>,
        /// fosse-dispatch has written the body.
        is_leased: bool,
    },
    /// To end the exchange without a whole response: by a local one where none has begun, else so
    /// that the client sees that it is cut.
    Reset(ResetReason),
    /// To [`Stream::take_credit`], and read more of the body. Whoever grants it has decided to read
    /// the body, so a client that waits for 100 gets that.
    Credit(u32),
}

impl Stream {
    /// Takes a frame of the slot.
    ///
    /// # Errors
    /// Whatever breaks the protocol; the ring is dead then.
    // Each of these has one caller, and left alone they stay calls: 2 % of a small request.
    #[inline(always)]
    pub fn hear<'f>(
        &mut self,
        frame: &Frame<'f>,
        way: Way,
        caller: &mut Caller,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<Heard<'f>, WireError> {
        if !self.exchange.open || frame.stream != self.id {
            return late(frame.kind).map(|()| Heard::Nothing);
        }
        if self.exchange.is_encoded != (way == Way::Encode) && !self.changes_way(frame, way, context, out)? {
            return Ok(Heard::Nothing);
        }
        if frame.kind == Kind::Response {
            return self.hear_head(frame.body, caller, context);
        }
        self.exchange.back = self.exchange.back.after(frame.kind, false)?;
        match frame.kind {
            _ if self.exchange.discard => {
                self.exchange.open = self.exchange.back != Return::Ended;
                Ok(Heard::Nothing)
            }
            Kind::ResponseData => self.hear_data(frame.body),
            Kind::ResponseEnd => self.hear_end(frame.body, caller),
            Kind::Reset => {
                let reason = frame.reset()?;
                self.stop_request(ResetReason::Echo, out);
                self.exchange.open = false;
                context.counters.add(count::RESETS, 1);
                Ok(Heard::Reset(reason))
            }
            Kind::RequestCredit => Ok(Heard::Credit(frame.credit()?)),
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
                    context.towards_response(true, out).reset(self.id, ResetReason::Client);
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

    #[inline(always)]
    fn hear_head<'f>(
        &mut self,
        body: &'f [u8],
        caller: &mut Caller,
        context: &mut Context,
    ) -> Result<Heard<'f>, WireError> {
        let head = ResponseHead::decode(body)?;
        self.exchange.back = self.exchange.back.after(Kind::Response, head.interim)?;
        if head.interim && head.status != 100 {
            // Not bounded by credit. 100 is written once at the most.
            self.exchange.interims = self.exchange.interims.and(body.len())?;
        }
        caller.pinned |= head.pinned;
        if self.exchange.discard {
            return Ok(Heard::Nothing);
        }
        if head.interim {
            return Ok(Heard::Interim(head));
        }
        self.exchange.response_begun = true;
        self.exchange.note(&head);
        self.exchange.head_ms = context.now_ms;
        // 500 is for a response that the rules had no time for, which is not the client's fault.
        if head.cause == Cause::Denied(Denied::Budget) && head.status == 503 {
            let Context { sources, settings, .. } = context;
            sources.overran(caller.record.listener, &self.exchange.client, settings);
        }
        if head.own
            && let Some(refused) = Refused::of_response(&head)
        {
            self.report_refusal(b"", refused, caller, context);
        }
        Ok(Heard::Head(head))
    }

    /// Returns the page that takes the place of a response's body.
    #[must_use]
    #[inline]
    pub fn page<'a>(&self, head: &ResponseHead<'_>, settings: &'a Settings) -> Option<Page<'a>> {
        let asked = (self.exchange.policy, self.exchange.request);
        pages::of_response(head, asked, self.reader.as_deref(), settings)
    }

    /// Begins the response with its head, which has the length of the page where there is one.
    /// Returns whether the body of the page follows it.
    ///
    /// # Errors
    /// Where fosse-dispatch may not write what it would.
    #[inline]
    pub fn begin_response(&mut self, head: &ResponseHead<'_>, has_page: bool) -> Result<bool, WireError> {
        let exchange = &mut self.exchange;
        exchange.left = BodyLeft::after(head, exchange.is_head);
        let mut is_page_written = false;
        if has_page {
            if let BodyLeft::Exact(length) = exchange.left {
                exchange.bytes_out = length;
                is_page_written = true;
            }
            (exchange.left, exchange.replaced) = (BodyLeft::None, true);
        }
        if head.lease {
            if exchange.is_sent_here && !head.upgrade {
                return Err(WireError::Field("lease"));
            }
            exchange.lease = Lease::Wanted;
        }
        Ok(is_page_written)
    }

    /// Begins what follows a 101 that lends nothing: bytes of the server without an announced end.
    /// They have no rate.
    ///
    /// # Errors
    /// As [`Stream::begin_response`].
    pub fn begin_tunnel(&mut self, head: &ResponseHead<'_>, context: &mut Context) -> Result<(), WireError> {
        self.begin_response(head, false)?;
        self.exchange.left = BodyLeft::Unknown;
        // As its client sees it (RFC 8441, section 5).
        self.exchange.status = 200;
        self.end_pace(context);
        Ok(())
    }

    #[inline(always)]
    fn hear_data<'f>(&mut self, data: &'f [u8]) -> Result<Heard<'f>, WireError> {
        let length = u32::try_from(data.len()).map_err(|_| WireError::Credit)?;
        let exchange = &mut self.exchange;
        if exchange.lease != Lease::No {
            return Err(WireError::Order(Kind::ResponseData));
        }
        exchange.response_credit.spend(length)?;
        match &mut exchange.left {
            // A verdict does not say what the method was: after HEAD the page of a denial has
            // nowhere to go. Nor has one in whose place the site's has been written.
            BodyLeft::None if exchange.denied || exchange.replaced => return Ok(Heard::Nothing),
            BodyLeft::None => return Err(WireError::Field("response length")),
            BodyLeft::Exact(left) => {
                *left = left.checked_sub(u64::from(length)).ok_or(WireError::Field("response length"))?;
            }
            BodyLeft::Unknown => {}
        }
        exchange.bytes_out += u64::from(length);
        Ok(Heard::Data(data))
    }

    #[inline(always)]
    fn hear_end<'f>(&mut self, body: &'f [u8], caller: &mut Caller) -> Result<Heard<'f>, WireError> {
        let end = ResponseEnd::decode(body)?;
        let exchange = &mut self.exchange;
        let is_leased = exchange.lease == Lease::Out;
        if !is_leased && (end.leased_bytes != 0 || exchange.lease != Lease::No) {
            return Err(WireError::Field("leased bytes"));
        }
        if matches!(exchange.left, BodyLeft::Exact(left) if left != end.leased_bytes) {
            return Err(WireError::Field("response length"));
        }
        let sent = exchange.bytes_out.checked_add(end.leased_bytes);
        exchange.bytes_out = sent.ok_or(WireError::Field("leased bytes"))?;
        caller.shown.bytes_out = caller.shown.bytes_out.wrapping_add(end.leased_bytes);
        exchange.lease = Lease::No;
        Ok(Heard::End { end, is_leased })
    }

    /// Takes credit for the request body.
    ///
    /// # Errors
    /// Where it is more than a number has room for.
    pub fn take_credit(&mut self, credit: u32, context: &Context) -> Result<(), WireError> {
        if !context.credit_unlimited {
            let sum = self.exchange.request_credit.checked_add(credit);
            self.exchange.request_credit = sum.ok_or(WireError::Credit)?;
        }
        Ok(())
    }

    /// Grants credit for the bytes of the response that are written, once it is worth a frame.
    /// `blocked` says that the client was slow to take them.
    pub fn grant(&mut self, blocked: bool, context: &mut Context, out: &mut Outbox) {
        let exchange = &mut self.exchange;
        let streaming = exchange.open && !exchange.discard && exchange.lease == Lease::No && exchange.response_begun;
        // Of a body that has come to its end nothing more is awaited.
        if streaming && exchange.left != BodyLeft::Exact(0) {
            let out = context.towards_response(exchange.is_encoded, out);
            out.credit(self.id, Kind::ResponseCredit, exchange.response_credit.grant(blocked));
        }
    }
}

/// Accepts what may come for a stream that has ended here: frames that crossed its end.
///
/// # Errors
/// Of every other frame.
pub const fn late(kind: Kind) -> Result<(), WireError> {
    match kind {
        Kind::RequestCredit | Kind::Reset => Ok(()),
        kind => Err(WireError::Order(kind)),
    }
}
