//! What is looked at with each tick: streams that do not move, and the last steps of a drain.

use core::time::Duration;

use fosse_counters::parse as count;
use fosse_front::context::Context;
use fosse_front::refused::Refused;
use fosse_http2::{Broken, Code};
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;

use crate::clients::Clients;
use crate::limits::LEAVE_MS_MAX;
use crate::slots::Slot;

/// Ends the requests whose bodies do not come (`body_seconds`), the responses that nobody takes
/// (`write_seconds`), and the connections that leave a frame or a header block in the middle
/// (`head_seconds`).
pub(crate) fn sweep(clients: &mut Clients, context: &mut Context, out: &mut Outbox) {
    end_late_bodies(clients, context, out);
    for index in clients.indices() {
        clients.with(index, |client, slots, _| {
            let patience_ms = ms(context.settings.blob.write_seconds);
            let stalled_ms = context.now_ms - patience_ms.min(context.now_ms);
            while let Some(place) = client.http2.stalled(stalled_ms) {
                context.counters.add(count::TIMEOUTS, 1);
                if let Some(slot) = client.slot_of(place).and_then(|slot| slots.at(slot)) {
                    slot.stream.abort(ResetReason::Timeout, context, out);
                }
                client.http2.reset(place, Code::Cancel);
            }
            let partial_ms = context.now_ms - client.partial_since_ms.min(context.now_ms);
            if client.partial_since_ms > 0 && partial_ms > ms(context.settings.blob.head_seconds) {
                context.counters.add(count::TIMEOUTS, 1);
                let why = Broken { code: Code::NoError, words: "a frame took too long" };
                client.break_off(&why, slots, context, out);
            }
            if client.leaving_since_ms > 0 && context.now_ms > client.leaving_since_ms + LEAVE_MS_MAX {
                client.http2.leave_now();
            }
        });
    }
}

fn end_late_bodies(clients: &mut Clients, context: &mut Context, out: &mut Outbox) {
    let late: Vec<_> =
        clients.slots.taken().filter(|(_, slot)| is_late(slot, context)).map(|(index, _)| index).collect();
    for index in late {
        let Some(owner) = clients.slots.at(index).and_then(|slot| slot.owner) else { continue };
        context.counters.add(count::TIMEOUTS, 1);
        clients.with(owner.client, |client, slots, _| {
            client.refuse((index, owner.place), Refused::BODY_LATE, slots, context, out);
        });
    }
}

/// Returns whether a client has had its time for more of a body. It is not to blame while the ring
/// takes no bytes.
fn is_late(slot: &Slot, context: &Context) -> bool {
    let exchange = &slot.stream.exchange;
    if !exchange.open || exchange.forward_done || exchange.request_credit == 0 || !slot.early.is_empty() {
        return false;
    }
    let own = context.settings.policy(exchange.policy).and_then(|policy| policy.body_seconds);
    context.now_ms > slot.moved_ms + ms(own.unwrap_or(context.settings.blob.body_seconds))
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
