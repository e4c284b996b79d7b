//! What clients get when this process ends. Idle ones go to another lane. If the ring is dead,
//! those that have seen nothing get 503, and those that have seen a part get a reset. No request is
//! sent again.

use std::os::fd::AsFd as _;

use fosse_eventloop::EventLoop;
use fosse_wire::Outbox;
use fosse_wire::channel::{BATCH_FDS_MAX, Connection};
use fosse_wire::frame::ResetReason;

use crate::client::Client;
use crate::conn::{Conn, Phase};
use crate::socket::Socket;
use crate::table::{Table, Visited};
use fosse_front::context::Context;
use fosse_front::peers::Peers;
use fosse_front::refused::Refused;

/// Ends the exchange of a connection whose ring is dead.
pub(crate) fn end_exchange(conn: &mut Conn, context: &mut Context, out: &mut Outbox) {
    match conn.phase {
        Phase::Proxy | Phase::Head if conn.input.is_empty() => {}
        // Bytes of a request that has not begun are a request without a byte of its response, too.
        Phase::Proxy | Phase::Head => conn.refuse(Refused::NO_RING, context, out),
        Phase::Body | Phase::Response if !conn.stream.exchange.response_begun => {
            conn.refuse(Refused::NO_RING, context, out);
        }
        Phase::Body | Phase::Response | Phase::Upgraded => conn.abort(ResetReason::Backend, context, out),
        Phase::Closing | Phase::Linger | Phase::Gone => {}
    }
    conn.stream.exchange.open = false;
    // The backend connection is gone with dispatch: the client goes on elsewhere, as one who has
    // not logged in.
    conn.caller.pinned = false;
}

/// Gives idle connections back to accept, which finds them another lane; without accept they end.
pub(crate) fn return_idle(
    clients: &mut Table,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) {
    if peers.accept.fd().is_none() {
        for index in clients.take_idle(usize::MAX) {
            clients.visit_slot(index, |client| close_one(client, event_loop, peers, context, out));
        }
        return;
    }
    loop {
        let batch = clients.take_idle(BATCH_FDS_MAX);
        if batch.is_empty() || !return_batch(&batch, clients, event_loop, peers) {
            return;
        }
    }
}

/// Closes idle connections in the normal way: between requests an end is no failure.
pub(crate) fn close_idle(
    clients: &mut Table,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) {
    clients.visit(|client| close_one(client, event_loop, peers, context, out));
}

fn close_one(
    client: &mut Client,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) -> Visited {
    if client.conn.is_idle() {
        client.close(event_loop, peers, context, out);
    }
    Visited::Done
}

/// Gives one batch back; false where accept cannot take it now.
fn return_batch(slots: &[u32], clients: &mut Table, event_loop: &EventLoop, peers: &mut Peers) -> bool {
    let mut idle: Vec<(u32, Connection, Socket)> = Vec::new();
    for slot in slots {
        if let Some(client) = clients.get_mut(*slot)
            && let Some(mut socket) = client.socket.take()
        {
            // Accept has a copy from now on, and its events are no longer ours.
            socket.unwatch(event_loop);
            idle.push((*slot, client.conn.caller.record, socket));
        }
    }
    let taken = peers.accept.give_back(idle.iter().map(|(_, record, socket)| (*record, socket.as_fd())));
    for (slot, record, socket) in idle {
        if taken {
            if socket.lent {
                peers.lease.note_ended(record.id);
            }
            clients.remove(slot);
        } else if let Some(client) = clients.queued(slot) {
            // The flush of the next turn watches it again.
            client.socket = Some(socket);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use fosse_counters::Counters;
    use fosse_front::settings::Settings;
    use fosse_wire::StreamId;

    fn after(said: &str, response_begun: bool) -> (Conn, Outbox) {
        let mut context = Context::new(crate::PROGRAM, Settings::plain(), Counters::private(), 0);
        let (mut out, stream) = (Outbox::default(), StreamId::first(0).unwrap());
        let mut conn = Conn::new(Connection::default(), stream, &context);
        conn.feed(said.as_bytes(), &mut context, &mut out);
        conn.stream.exchange.response_begun = response_begun;
        end_exchange(&mut conn, &mut context, &mut out);
        (conn, out)
    }

    #[test]
    fn who_has_seen_nothing_gets_503_who_has_seen_a_part_a_reset_and_who_waits_for_nothing_goes_on() {
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for said in [request, &request[..9]] {
            let (conn, _) = after(said, false);
            assert_eq!(conn.phase, Phase::Closing, "{said:?}");
            assert!(conn.output.bytes.starts_with(b"HTTP/1.1 503 "), "{said:?}");
        }
        let (conn, _) = after(request, true);
        assert!(conn.phase == Phase::Gone && conn.output.is_empty());
        let (conn, _) = after("", false);
        assert!(conn.is_idle());
    }
}
