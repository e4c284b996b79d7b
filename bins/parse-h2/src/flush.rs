//! What waits for a client is written once in a turn, and what follows from that is done.

use fosse_counters::parse as count;
use fosse_eventloop::EventLoop;
use fosse_front::context::Context;
use fosse_wire::Outbox;
use fosse_wire::channel::Connection;
use fosse_wire::frame::ResetReason;
use fosse_wire::handshaken::How;

use crate::client::{Client, Phase};
use crate::clients::Clients;
use crate::limit::Limit;
use crate::limits::PROGRESS_BYTES_MIN;
use crate::slots::Slots;

/// A connection that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    /// The connection as fosse-accept has it.
    pub(crate) record: Connection,
    /// The way in which fosse-tls is to end it, where that has the client's socket.
    pub(crate) tls: Option<How>,
}

/// Flushes a client. Returns the connection where it is over.
pub(crate) fn flush(
    clients: &mut Clients,
    index: u32,
    event_loop: &EventLoop,
    context: &mut Context,
    out: &mut Outbox,
) -> Option<Over> {
    let (slots, client) = clients.split(index)?;
    write(client, slots, context, out);
    client.release_ended();
    context.buffers.give_back(client.http2.memory());
    if client.phase == Phase::Open && client.http2.has_left() && client.is_idle() {
        client.phase = Phase::Closing;
    }
    if client.phase == Phase::Closing && client.http2.output().is_empty() {
        client.phase = if client.caller.tls.is_some() {
            // fosse-tls lingers for its clients.
            client.socket.end_without_reset(&client.caller);
            client.abort_all(ResetReason::Client, slots, context, out);
            client.caller.discharge(context);
            Phase::Gone
        } else if client.socket.finish_writing() {
            Phase::Linger
        } else {
            Phase::Gone
        };
    }
    let (reads, writes) = (client.wants_input(), !client.http2.output().is_empty());
    if client.phase != Phase::Gone && client.socket.watch(reads, writes, event_loop).is_err() {
        client.abort(ResetReason::Client, slots, context, out);
    }
    if client.phase == Phase::Gone {
        let how = if client.socket.ended_well { How::Clean } else { How::Reset };
        let over = Over { record: client.caller.record, tls: client.caller.tls.is_some().then_some(how) };
        clients.remove(index);
        return Some(over);
    }
    run_limit(client, index, context);
    None
}

/// Writes as much as the socket takes, and grants for what has gone.
fn write(client: &mut Client, slots: &mut Slots, context: &mut Context, out: &mut Outbox) {
    let was_blocked = client.socket.is_blocked();
    while client.phase != Phase::Gone {
        client.fill(context.now_ms);
        let pending = client.http2.output().len();
        if pending == 0 {
            break;
        }
        match client.socket.write(client.http2.output()) {
            Ok(written) => {
                client.http2.advance(written);
                let bytes = u64::try_from(written).unwrap_or(0);
                client.caller.shown.bytes_out += bytes;
                context.counters.add(count::BYTES_OUT, bytes);
                client.progress += written;
                if client.progress >= PROGRESS_BYTES_MIN && client.timer.kind() == Some(Limit::Write) {
                    client.progress = 0;
                    client.timer.stop();
                }
                if written < pending {
                    return;
                }
            }
            Err(_) => client.abort(ResetReason::Client, slots, context, out),
        }
    }
    for index in core::mem::take(&mut client.gone) {
        let Some(slot) = slots.at(index) else { continue };
        let is_sent = slot.owner.is_some_and(|owner| client.http2.waiting(owner.place) == 0);
        if is_sent && slot.held.is_empty() {
            let blocked = was_blocked || slot.stream.pace.is_some();
            slot.stream.grant(blocked, context, out);
        }
    }
}

/// Lets the limit run of what is waited for now. The one that runs already runs on, unless it was
/// stopped because something has moved.
fn run_limit(client: &mut Client, index: u32, context: &mut Context) {
    match client.limit() {
        limit if limit == client.timer.kind() => {}
        Some(limit) => {
            client.progress = 0;
            let at_ms = context.after(limit.time(&context.settings));
            client.timer.start(&mut context.deadlines, index, limit, at_ms);
        }
        None => client.timer.stop(),
    }
}

/// Does what is due where the time of a client is over.
pub(crate) fn end_wait(client: &mut Client, slots: &mut Slots, context: &mut Context, out: &mut Outbox) {
    let Some(limit) = client.timer.take_due(context.now_ms) else { return };
    // In this turn it may have got what it waited for.
    if client.limit() != Some(limit) {
        return;
    }
    match limit {
        Limit::Write => {
            context.counters.add(count::TIMEOUTS, 1);
            client.abort(ResetReason::Timeout, slots, context, out);
        }
        Limit::Head | Limit::Idle => {
            client.http2.leave_now();
            client.phase = Phase::Closing;
        }
        Limit::Linger => {
            client.socket.end_without_reset(&client.caller);
            client.abort(ResetReason::Client, slots, context, out);
        }
    }
}
