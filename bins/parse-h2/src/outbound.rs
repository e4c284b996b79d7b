//! Response frames in, bytes for the client out: what the ring says, in the framing of HTTP/2.

use fosse_front::context::Context;
use fosse_front::exchange::BodyLeft;
use fosse_front::fields::{REQUEST_ID, check, gives_way};
use fosse_front::pages::Page;
use fosse_front::refused::Refused;
use fosse_front::response::{Heard, Way};
use fosse_http1::trailer_allowed;
use fosse_http2::Code;
use fosse_wire::fields::Fields;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::BodyLength;
use fosse_wire::response::ResponseHead;
use fosse_wire::{Frame, Outbox, WireError};

use crate::client::Client;
use crate::local::GRPC_STATUS;
use crate::slots::{Slot, Slots};
use crate::switch;

impl Client {
    /// Takes a frame of one of its streams.
    ///
    /// # Errors
    /// Whatever breaks the protocol; the ring is dead then.
    pub(crate) fn on_frame(
        &mut self,
        frame: &Frame<'_>,
        (index, place): (u32, usize),
        way: Way,
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        let Some(slot) = slots.at(index) else { return Ok(()) };
        context.buffers.lend(self.http2.memory());
        match slot.stream.hear(frame, way, &mut self.caller, context, out)? {
            Heard::Nothing => {}
            Heard::Interim(head) => self.on_interim(&head, place, slot)?,
            Heard::Head(head) if switch::is_untrue(&head, slot) => {
                self.refuse_switch((index, place), slots, context, out);
            }
            Heard::Head(head) => self.on_head(head, place, slot, context, out)?,
            Heard::Data(data) if slot.stream.pace.is_some() => slot.held.extend(data),
            Heard::Data(data) => {
                self.http2.data(place, data, context.now_ms);
                self.gone.push(index);
            }
            Heard::End { end, .. } => {
                check(end.trailers)?;
                if !slot.held.is_empty() {
                    let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
                    slot.end = Some(end.trailers.into_iter().map(owned).collect());
                    return Ok(());
                }
                let is_live = self.http2.is_live(place);
                self.http2.end(place, end.trailers.into_iter().filter(|(name, _)| trailer_allowed(name)));
                if is_live || slot.stream.exchange.open {
                    slot.stream.complete(context, out);
                }
            }
            Heard::Reset(reason) => self.on_ring_reset(reason, (index, place), slots, context, out),
            Heard::Credit(credit) => {
                slot.stream.take_credit(credit, context)?;
                if core::mem::take(&mut slot.expects) && !slot.stream.exchange.response_begun {
                    self.http2.respond(place, 100, core::iter::empty());
                }
                let more = slots.grow_window(index);
                self.http2.grant(place, credit + more);
                self.pass_early((index, place), slots, context, out);
            }
        }
        Ok(())
    }

    /// Passes an interim response on: 100 is sent once, and only to one that waits for it.
    fn on_interim(&mut self, head: &ResponseHead<'_>, place: usize, slot: &mut Slot) -> Result<(), WireError> {
        if head.status == 100 {
            if core::mem::take(&mut slot.expects) {
                self.http2.respond(place, 100, core::iter::empty());
            }
            return Ok(());
        }
        check(head.fields)?;
        self.http2.respond(place, head.status, head.fields.into_iter());
        Ok(())
    }

    fn on_head(
        &mut self,
        mut head: ResponseHead<'_>,
        place: usize,
        slot: &mut Slot,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        // No stream is a socket that could be lent.
        if head.lease || head.upgrade && !slot.switch.is_asked() {
            return Err(WireError::Field("lease"));
        }
        if head.upgrade {
            return self.on_switch(&head, place, slot, context, out);
        }
        let stream = &mut slot.stream;
        let page = stream.page(&head, &context.settings);
        if let Some(page) = &page {
            head.body = BodyLength::Exact(u64::try_from(page.body.len()).unwrap_or(0));
            head.status = if page.grpc_status.is_some() { 200 } else { head.status };
        }
        let request_id = stream.shown_request_id(&context.settings);
        check(head.fields)?;
        let fields = own_fields(&head, page.as_ref(), request_id.as_deref(), stream.exchange.is_head);
        self.http2.respond(place, head.status, fields.iter());
        let has_page_body = stream.begin_response(&head, page.is_some())?;
        if let Some(page) = page.filter(|_| has_page_body) {
            self.http2.data(place, &page.body, context.now_ms);
        }
        if head.denied && !stream.exchange.forward_done {
            stream.stop_request(ResetReason::Denied, out);
        }
        Ok(())
    }

    /// Ends an exchange without a whole response: with 502 where the client has seen nothing yet,
    /// else with a reset.
    fn on_ring_reset(
        &mut self,
        reason: ResetReason,
        (index, place): (u32, usize),
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let Some(slot) = slots.at(index) else { return };
        if slot.stream.exchange.response_begun {
            // RFC 8441, section 5: what a reset of a connection is.
            let code = if slot.switch.is_asked() { Code::Cancel } else { Code::Internal };
            slot.stream.abort(reason, context, out);
            self.http2.reset(place, code);
        } else if self.http2.is_live(place) {
            self.refuse((index, place), Refused::NO_RESPONSE, slots, context, out);
        }
    }
}

/// The fields of a head, with those that a front writes.
struct OwnFields<'a> {
    fields: Fields<'a>,
    gives_way: (bool, bool),
    own: [Option<(&'a [u8], &'a [u8])>; 3],
    length: Option<Box<str>>,
}

fn own_fields<'a>(
    head: &ResponseHead<'a>,
    page: Option<&'a Page<'_>>,
    request_id: Option<&'a [u8]>,
    to_head: bool,
) -> OwnFields<'a> {
    // A response without a body states the length that GET would have got, where it is known (RFC
    // 9110, section 8.6).
    let length = match (BodyLeft::after(head, to_head), head.body) {
        (BodyLeft::Exact(length), _) => Some(length),
        (BodyLeft::None, BodyLength::Exact(length)) if head.status != 204 => Some(length),
        _ => None,
    };
    let content_type: &[u8] = b"content-type";
    OwnFields {
        fields: head.fields,
        gives_way: (page.is_some(), request_id.is_some()),
        own: [
            page.map(|page| (content_type, page.content_type.as_bytes())),
            page.and_then(|page| Some((GRPC_STATUS, page.grpc_status?.as_bytes()))),
            request_id.map(|id| (REQUEST_ID, id)),
        ],
        length: length.map(|length| length.to_string().into_boxed_str()),
    }
}

impl OwnFields<'_> {
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let length = self.length.as_ref().map(|length| (&b"content-length"[..], length.as_bytes()));
        let stays = |(name, _): &(&[u8], &[u8])| !gives_way(name, self.gives_way);
        self.fields.into_iter().filter(stays).chain(self.own.into_iter().flatten()).chain(length)
    }
}
