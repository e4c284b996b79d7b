//! Response frames in, bytes for the client out: what the ring says, in the framing of HTTP/1.1.

use fosse_front::context::Context;
use fosse_front::exchange::BodyLeft;
use fosse_front::fields::UNWRITABLE;
use fosse_front::pages::Page;
use fosse_front::refused::Refused;
use fosse_front::response::{Heard, Way};
use fosse_http1::{HeadWriter, LAST_CHUNK, Name, reason, trailer_allowed, write_chunk};
use fosse_wire::fields::Fields;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::{Frame, Outbox, WireError};

use crate::conn::{Conn, Phase};
use crate::message::Expect;
use crate::response_fields::{put_all_fields, put_fields, put_framing, put_own_fields};

const CONNECTION: Name = Name::new("Connection");
const UPGRADE: Name = Name::new("Upgrade");

/// The interim response for a client that waits before it sends its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Most bytes around a chunk: its length in hexadecimal digits, and two line ends.
const CHUNK_FRAMING_BYTES: usize = 20;

impl Conn {
    /// Takes a frame of its slot.
    ///
    /// # Errors
    /// Whatever breaks the protocol; the ring is dead then.
    // Each of these has one caller, and left alone they stay calls: 2 % of a small request.
    #[inline]
    pub fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        way: Way,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        match self.stream.hear(frame, way, &mut self.caller, context, out)? {
            Heard::Nothing => {}
            Heard::Interim(head) => self.on_interim(&head, context)?,
            Heard::Head(head) => self.on_head(head, context, out)?,
            Heard::Data(data) => self.on_data(data, context),
            Heard::End { end, is_leased } => {
                if self.stream.exchange.left == BodyLeft::Unknown && !self.message.http10 && !is_leased {
                    self.write_last_chunk(end.trailers)?;
                }
                self.complete(context, out);
            }
            Heard::Reset(reason) => self.on_reset(reason, context, out),
            Heard::Credit(credit) => {
                self.on_credit(credit, context)?;
                self.resume(context, out);
            }
        }
        Ok(())
    }

    #[inline]
    fn on_head(
        &mut self,
        mut head: ResponseHead<'_>,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        context.buffers.lend(&mut self.output.bytes);
        self.decide_close(&head, context);
        let page = self.stream.page(&head, &context.settings);
        if let Some(page) = &page {
            head.body = BodyLength::Exact(u64::try_from(page.body.len()).unwrap_or(0));
        }
        self.write_head(&head, page.as_ref(), context)?;
        let has_page_body = self.stream.begin_response(&head, page.is_some())?;
        if let Some(page) = page.filter(|_| has_page_body) {
            self.output.make_room(page.body.len());
            self.output.bytes.extend_from_slice(&page.body);
        }
        if head.denied && self.phase == Phase::Body {
            self.stream.stop_request(ResetReason::Denied, out);
            self.phase = Phase::Response;
        }
        Ok(())
    }

    /// Passes an interim response on to a client that can read it: 100 is sent once, and only to
    /// one that waits for it.
    fn on_interim(&mut self, head: &ResponseHead<'_>, context: &mut Context) -> Result<(), WireError> {
        context.buffers.lend(&mut self.output.bytes);
        if head.status == 100 {
            self.send_continue();
        } else if !self.message.http10 {
            let phrase = reason(head.status).as_bytes();
            let mut writer =
                HeadWriter::response(&mut self.output.bytes, head.status, phrase).map_err(|_| UNWRITABLE)?;
            put_all_fields(&mut writer, head.fields)?;
            writer.finish();
        }
        Ok(())
    }

    /// Sends 100 Continue to a client that waits for it.
    pub(crate) fn send_continue(&mut self) {
        if self.waits_for_continue() {
            self.message.expect = Expect::No;
            self.output.bytes.extend_from_slice(CONTINUE);
        }
    }

    /// Decides whether the connection ends after this response: if either side says so, and if the
    /// request is not whole, since its body and what follows could not be distinguished.
    fn decide_close(&mut self, head: &ResponseHead<'_>, context: &Context) {
        let requests_max = u64::from(context.settings.blob.connection_requests_max);
        let last = requests_max > 0 && self.caller.requests >= requests_max;
        let message = &mut self.message;
        // A login goes on over the connection it began on; once it is through, the next response
        // ends that.
        let login = head.pinned && head.status == 401;
        let drains = context.drain.has_begun() && !login;
        message.close |= head.close || head.denied || message.client_closes || drains || last;
        message.close |= self.phase == Phase::Body || (message.http10 && head.body == BodyLength::Chunked);
    }

    fn write_head(
        &mut self,
        head: &ResponseHead<'_>,
        page: Option<&Page<'_>>,
        context: &Context,
    ) -> Result<(), WireError> {
        let phrase = reason(head.status).as_bytes();
        let (exchange, message) = (&self.stream.exchange, &self.message);
        let request_id = exchange.shown_request_id(&context.settings);
        let mut writer = HeadWriter::response(&mut self.output.bytes, head.status, phrase).map_err(|_| UNWRITABLE)?;
        match (page, &request_id) {
            (None, None) => put_all_fields(&mut writer, head.fields)?,
            (page, id) => {
                put_fields(&mut writer, head.fields, (page.is_some(), id.is_some()))?;
                put_own_fields(&mut writer, page, id.as_deref()).map_err(|_| UNWRITABLE)?;
            }
        }
        if head.upgrade {
            let offered = context.settings.upgrade_token(exchange.upgrade);
            if offered.is_empty() || !head.lease || self.phase != Phase::Response {
                return Err(WireError::Field("upgrade"));
            }
            writer.own(CONNECTION, b"Upgrade").map_err(|_| UNWRITABLE)?;
            writer.own(UPGRADE, offered).map_err(|_| UNWRITABLE)?;
        } else {
            put_framing(&mut writer, head, exchange.is_head, message.http10).map_err(|_| UNWRITABLE)?;
            let word: &[u8] = if message.close { b"close" } else { b"keep-alive" };
            if message.close || message.http10 {
                writer.own(CONNECTION, word).map_err(|_| UNWRITABLE)?;
            }
        }
        writer.finish();
        Ok(())
    }

    #[inline]
    fn on_data(&mut self, data: &[u8], context: &mut Context) {
        context.buffers.lend(&mut self.output.bytes);
        self.output.make_room(data.len() + CHUNK_FRAMING_BYTES);
        if self.stream.exchange.left == BodyLeft::Unknown && !self.message.http10 {
            write_chunk(&mut self.output.bytes, data);
        } else {
            self.output.bytes.extend_from_slice(data);
        }
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
        if self.stream.exchange.response_begun {
            self.abort(reason, context, out);
        } else {
            self.refuse(Refused::NO_RESPONSE, context, out);
        }
    }

    /// Takes credit for the request body.
    fn on_credit(&mut self, credit: u32, context: &mut Context) -> Result<(), WireError> {
        let held_up = !self.wants_input();
        self.stream.take_credit(credit, context)?;
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
