//! The connections of this front, as people see them and end them.

use fosse_counters::{ConnectionRow, ConnectionState};
use fosse_front::context::Context;
use fosse_front::inspect::{Connections, row};
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;
use fosse_wire::request::Endpoint;

use crate::client::{Client, Phase};
use crate::clients::Clients;

/// The clients, with what their ends take.
#[derive(Debug)]
pub(crate) struct Inspected<'a> {
    pub(crate) clients: &'a mut Clients,
    pub(crate) out: &'a mut Outbox,
}

impl Connections for Inspected<'_> {
    fn places(&self) -> u32 {
        self.clients.count()
    }

    fn known(&self, place: u32) -> Option<(u64, Endpoint)> {
        let client = self.clients.known(place)?;
        Some((client.caller.record.id, client.caller.origin.client))
    }

    fn row(&self, place: u32, context: &Context) -> Option<ConnectionRow> {
        let client = self.clients.known(place)?;
        Some(row(&client.caller, client.caller.origin.client, state(client), None, context))
    }

    fn end(&mut self, place: u32, context: &mut Context) {
        let Self { clients, out } = self;
        clients.with(place, |client, slots, _| {
            if client.is_idle() {
                client.http2.leave_now();
                client.phase = Phase::Closing;
            } else {
                client.abort(ResetReason::Limit, slots, context, out);
            }
        });
    }
}

fn state(client: &Client) -> ConnectionState {
    match client.phase {
        Phase::Closing | Phase::Linger | Phase::Gone => ConnectionState::Ends,
        _ if !client.http2.output().is_empty() => ConnectionState::Response,
        _ if client.http2.places() > 0 => ConnectionState::Waits,
        _ => ConnectionState::Idle,
    }
}
