//! What clients get when this process ends: those that have seen nothing 503, those that have seen
//! a part a reset of the stream, and all of them GOAWAY.

use fosse_front::context::Context;
use fosse_front::refused::Refused;
use fosse_http2::Code;
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;

use crate::client::Client;
use crate::slots::Slots;

/// Ends the exchanges of a connection whose ring is dead.
pub(crate) fn end_exchanges(client: &mut Client, slots: &mut Slots, context: &mut Context, out: &mut Outbox) {
    for (place, index) in client.places() {
        let Some(slot) = slots.at(index).filter(|slot| slot.stream.exchange.open) else { continue };
        if slot.stream.exchange.response_begun {
            slot.stream.abort(ResetReason::Backend, context, out);
            client.http2.reset(place, Code::Internal);
        } else {
            client.refuse((index, place), Refused::NO_RING, slots, context, out);
        }
        if let Some(slot) = slots.at(index) {
            slot.stream.exchange.open = false;
        }
        let _ = slots.release_if_over(index);
        client.release_place(place);
    }
    client.http2.leave_now();
}
