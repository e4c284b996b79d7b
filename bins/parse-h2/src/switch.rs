//! WebSocket over a stream (RFC 8441): an extended CONNECT, which goes through the ring as the GET
//! that would switch the protocol of a connection. The 101 to it is 200 here, and what comes behind
//! either head is the other protocol's.

use fosse_front::context::Context;
use fosse_front::fields::{REQUEST_ID, check, gives_way};
use fosse_front::refused::Refused;
use fosse_front::upgraded::Upgraded;
use fosse_http1::same_name;
use fosse_wire::response::ResponseHead;
use fosse_wire::{Outbox, WireError};

use crate::client::Client;
use crate::inbound::{credit, first_of};
use crate::slots::{Slot, Slots, Switch};

/// Returns whether a head says yes to a switch without one: a client would take what follows for
/// the other protocol.
pub(crate) fn is_untrue(head: &ResponseHead<'_>, slot: &Slot) -> bool {
    slot.switch.is_asked() && !head.upgrade && (200..300).contains(&head.status)
}

impl Slot {
    /// Passes bytes of the client on, behind those that wait, as far as the server has switched and
    /// there is credit for them.
    pub(crate) fn pass_tunnel(&mut self, bytes: &[u8], context: &Context, out: &mut Outbox) {
        self.early.extend(bytes);
        let exchange = &self.stream.exchange;
        if !matches!(self.switch, Switch::Done(_)) || !exchange.open || exchange.discard {
            return;
        }
        let here = credit(self).min(self.early.len());
        for part in first_of(&self.early, here) {
            self.stream.pass_tunnel(part, context, out);
        }
        self.early.drain(..here);
        if self.early.is_empty() && core::mem::take(&mut self.ends) {
            self.stream.end_tunnel(out);
        }
    }
}

impl Client {
    /// Returns the slot of a stream whose bytes are, or may become, another protocol's.
    pub(crate) fn switching_slot<'s>(&self, place: usize, slots: &'s mut Slots) -> Option<&'s mut Slot> {
        slots.at(self.slot_of(place)?).filter(|slot| slot.stream.exchange.open && slot.switch.is_asked())
    }

    /// Tells the client that the server has switched.
    pub(crate) fn on_switch(
        &mut self,
        head: &ResponseHead<'_>,
        place: usize,
        slot: &mut Slot,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Result<(), WireError> {
        check(head.fields)?;
        let request_id = slot.stream.shown_request_id(&context.settings);
        let request_id = request_id.as_deref();
        let stays = |(name, _): &(&[u8], &[u8])| {
            // The key was ours, and so is the proof that it was read.
            !same_name(name, b"sec-websocket-accept") && !gives_way(name, (false, request_id.is_some()))
        };
        let own = request_id.map(|id| (REQUEST_ID, id));
        self.http2.respond(place, 200, head.fields.into_iter().filter(stays).chain(own));
        slot.stream.begin_tunnel(head, context)?;
        slot.switch = Switch::Done(Upgraded::begin(&context.counters));
        slot.pass_tunnel(b"", context, out);
        Ok(())
    }

    /// Refuses a switch that the server has not made, whatever it has said.
    pub(crate) fn refuse_switch(
        &mut self,
        (index, place): (u32, usize),
        slots: &mut Slots,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        if let Some(slot) = slots.at(index) {
            // Nothing of it has reached the client.
            slot.stream.exchange.response_begun = false;
        }
        self.refuse((index, place), Refused::NO_SWITCH, slots, context, out);
    }
}
