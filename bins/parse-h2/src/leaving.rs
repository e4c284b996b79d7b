//! Clients that are asked to go: with the drain, by a penalty, or to make room.

use fosse_counters::{DRAINING, parse};
use fosse_front::context::Context;
use fosse_front::drain::Drain;
use fosse_source::relief;
use fosse_wire::channel::Tally;

use crate::client::Phase;
use crate::clients::Clients;

/// Asks all clients to open no more streams here.
pub(crate) fn drain(clients: &mut Clients, context: &mut Context) {
    context.counters.set(DRAINING, 1);
    context.drain = Drain::Until(context.after(context.settings.blob.drain_seconds_max));
    for index in clients.indices() {
        clients.with(index, |client, _, _| client.leave(context.now_ms));
    }
}

/// Lets those who are refused from now on go, after what they have asked for.
pub(crate) fn penalise(clients: &mut Clients, penalties: &[Tally], context: &mut Context) {
    context.sources.penalise(penalties, context.now_ms);
    for index in clients.indices() {
        clients.with(index, |client, _, _| {
            if client.caller.is_refused(context) {
                client.leave(context.now_ms);
                client.http2.leave_now();
            }
        });
    }
}

/// Ends idle connections, so that new ones find room.
pub(crate) fn relieve(clients: &mut Clients, count: usize, context: &Context) {
    for index in relief::choose(clients.waiting(&context.settings), count, context.now_ms) {
        context.counters.add(parse::RELIEVED, 1);
        clients.with(index, |client, _, _| {
            client.http2.leave_now();
            client.phase = Phase::Closing;
        });
    }
}
