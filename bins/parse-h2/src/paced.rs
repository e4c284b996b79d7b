//! Responses that are sent no faster than the configuration says.

use fosse_front::context::Context;
use fosse_front::pace::Wait;
use fosse_wire::Outbox;

use crate::client::Client;
use crate::clients::Clients;
use crate::slots::Slot;

/// Sends what the rates let go. Returns when more may, in milliseconds.
pub(crate) fn send(clients: &mut Clients, context: &mut Context, out: &mut Outbox) -> Option<u64> {
    if clients.paced.is_empty() {
        return None;
    }
    loop {
        for index in core::mem::take(&mut clients.paced) {
            send_one(clients, index, context, out);
            match clients.slots.at(index) {
                Some(slot) if slot.held.is_empty() => slot.is_paced = false,
                _ => clients.paced.push(index),
            }
        }
        // One that was sent may have let the next of its source go.
        if context.source_rates.next_woken().is_none() {
            break;
        }
    }
    let Clients { paced, slots, .. } = clients;
    let until = |index: &u32| match slots.at(*index)?.stream.paced() {
        Some(Wait::Until(at_ms)) => Some(at_ms),
        _ => None,
    };
    paced.iter().filter_map(until).min()
}

fn send_one(clients: &mut Clients, index: u32, context: &mut Context, out: &mut Outbox) {
    let Some(slot) = clients.slots.at(index) else { return };
    let Some(owner) = slot.owner.filter(|_| !slot.stream.exchange.discard) else {
        // Its client is gone. If the ring has ended the response, nothing else does.
        slot.held.clear();
        if slot.end.take().is_some() {
            slot.stream.exchange.open = false;
        }
        return clients.release_slot(index);
    };
    let sent = clients.with(owner.client, |client, slots, _| {
        slots.at(index).is_some_and(|slot| client.send_paced(index, owner.place, slot, context, out))
    });
    if sent == Some(true) {
        clients.release_slot(index);
    }
}

impl Client {
    /// Returns whether that was the end of the response.
    fn send_paced(
        &mut self,
        index: u32,
        place: usize,
        slot: &mut Slot,
        context: &mut Context,
        out: &mut Outbox,
    ) -> bool {
        while !slot.held.is_empty() {
            let room = slot.stream.room(slot.held.len(), context);
            if room == 0 {
                return false;
            }
            let bytes: Vec<u8> = slot.held.drain(..room).collect();
            self.http2.data(place, &bytes, context.now_ms);
            slot.stream.pay(room, context);
            self.gone.push(index);
        }
        let Some(trailers) = slot.end.take() else { return false };
        self.http2.end(place, trailers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())));
        slot.stream.complete(context, out);
        true
    }
}
