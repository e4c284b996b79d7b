//! The connections of this front, as people see them and end them.

use fosse_counters::{ConnectionRow, ConnectionState};
use fosse_eventloop::EventLoop;
use fosse_front::context::Context;
use fosse_front::inspect::{Connections, row};
use fosse_front::peers::Peers;
use fosse_wire::Outbox;
use fosse_wire::request::Endpoint;

use crate::conn::{Conn, Phase};
use crate::table::{Table, Visited};

/// The clients, with what their ends take.
#[derive(Debug)]
pub(crate) struct Inspected<'a> {
    pub(crate) clients: &'a mut Table,
    pub(crate) event_loop: &'a EventLoop,
    pub(crate) peers: &'a mut Peers,
    pub(crate) out: &'a mut Outbox,
}

impl Connections for Inspected<'_> {
    fn places(&self) -> u32 {
        self.clients.slots()
    }

    fn known(&self, place: u32) -> Option<(u64, Endpoint)> {
        let conn = self.clients.connected(place)?;
        Some((conn.caller.record.id, conn.stream.client(&conn.caller)))
    }

    fn row(&self, place: u32, context: &Context) -> Option<ConnectionRow> {
        let conn = self.clients.connected(place)?;
        let is_open = conn.stream.exchange.open || !conn.output.is_empty();
        let site = is_open.then_some(conn.stream.exchange.site);
        Some(row(&conn.caller, conn.stream.client(&conn.caller), state(conn), site, context))
    }

    fn end(&mut self, place: u32, context: &mut Context) {
        let Self { clients, event_loop, peers, out } = self;
        clients.visit_slot(place, |client| {
            client.end(event_loop, peers, context, out);
            Visited::Done
        });
    }
}

fn state(conn: &Conn) -> ConnectionState {
    let exchange = &conn.stream.exchange;
    match conn.phase {
        Phase::Upgraded => ConnectionState::Upgraded,
        Phase::Closing | Phase::Linger | Phase::Gone => ConnectionState::Ends,
        _ if !conn.output.is_empty() || exchange.open && exchange.response_begun => ConnectionState::Response,
        Phase::Response => ConnectionState::Waits,
        Phase::Body => ConnectionState::Request,
        Phase::Proxy | Phase::Head if conn.input.is_empty() => ConnectionState::Idle,
        Phase::Proxy | Phase::Head => ConnectionState::Request,
    }
}
