//! One client: the protocol of its connection, and its socket.

use std::os::fd::AsFd;

use fosse_counters::parse as count;
use fosse_eventloop::EventLoop;
use fosse_wire::frame::ResetReason;
use fosse_wire::handshaken::How;
use fosse_wire::{Kind, Outbox};

use crate::conn::{Conn, Phase};
use crate::socket::Socket;
use fosse_front::context::Context;
use fosse_front::exchange::Lease;
use fosse_front::lease_channel::LeaseChannel;
use fosse_front::peers::Peers;

/// A connection with its socket.
#[derive(Debug)]
pub(crate) struct Client {
    /// State of the protocol.
    pub(crate) conn: Conn,
    /// None once the client is gone: the slot then waits for the ring to end the exchange.
    pub(crate) socket: Option<Socket>,
    /// It is flushed at the end of this turn.
    pub(crate) queued: bool,
}

/// Ten thousand idle connections should cost no more than a few MiB.
const _: () = assert!(size_of::<Client>() <= 1024);

/// The outcome of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing more can be done before something happens.
    Done,
    /// fosse-dispatch cannot take the socket now: try again in the next turn.
    LeaseBlocked,
}

impl Client {
    /// Returns the connection with its socket; `None` once the client is gone.
    pub(crate) const fn with_socket(&mut self) -> Option<(&mut Conn, &mut Socket)> {
        match &mut self.socket {
            Some(socket) => Some((&mut self.conn, socket)),
            None => None,
        }
    }

    /// Writes what waits for the client and does what follows from it, until nothing more does.
    pub(crate) fn flush(
        &mut self,
        event_loop: &EventLoop,
        peers: &mut Peers,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Flushed {
        let Self { conn, socket: Some(socket), .. } = self else {
            // The last frames for a client that is gone may have pinned a backend connection.
            self.release(event_loop, peers);
            return Flushed::Done;
        };
        let mut flushed = Flushed::Done;
        loop {
            socket.write(conn, context, out);
            if conn.phase == Phase::Gone {
                self.release(event_loop, peers);
                return Flushed::Done;
            }
            if !conn.output.is_empty() {
                break;
            }
            if conn.stream.exchange.lease == Lease::Wanted {
                flushed = lend(conn, socket, event_loop, &mut peers.lease, context, out);
                break;
            }
            if conn.phase == Phase::Closing {
                if socket.finish_writing(conn) {
                    break;
                }
                self.close(event_loop, peers, context, out);
                return Flushed::Done;
            }
            if !conn.resume_pipelined(context, out) {
                break;
            }
        }
        if socket.watch(conn, event_loop).is_err() {
            conn.abort(ResetReason::Client, context, out);
            self.release(event_loop, peers);
        }
        flushed
    }

    /// Closes the connection in the normal way: what was written arrives.
    pub(crate) fn close(&mut self, event_loop: &EventLoop, peers: &mut Peers, context: &mut Context, out: &mut Outbox) {
        if let Some(socket) = &mut self.socket {
            socket.end_without_reset(&self.conn);
        }
        self.conn.abort(ResetReason::Client, context, out);
        self.release(event_loop, peers);
    }

    /// Ends the connection now, as somebody has ordered it: between requests in the normal way,
    /// else by a reset, so that a part of a response never looks whole.
    pub(crate) fn end(&mut self, event_loop: &EventLoop, peers: &mut Peers, context: &mut Context, out: &mut Outbox) {
        if self.conn.output.is_empty() && matches!(self.conn.phase, Phase::Proxy | Phase::Head | Phase::Linger) {
            return self.close(event_loop, peers, context, out);
        }
        self.conn.abort(ResetReason::Limit, context, out);
        self.release(event_loop, peers);
    }

    /// Closes the connection now, or where it has a request after the response to that.
    pub(crate) fn end_soon(
        &mut self,
        event_loop: &EventLoop,
        peers: &mut Peers,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        match self.conn.phase {
            Phase::Proxy | Phase::Head => self.close(event_loop, peers, context, out),
            Phase::Body | Phase::Response => self.conn.message.close = true,
            // An upgraded one has no request any more.
            Phase::Closing | Phase::Linger | Phase::Upgraded | Phase::Gone => {}
        }
    }

    /// Closes the connection at once, without waiting for the ring: draining has taken too long.
    pub(crate) fn cut_off(
        &mut self,
        event_loop: &EventLoop,
        peers: &mut Peers,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        self.conn.abort(ResetReason::Timeout, context, out);
        self.conn.stream.exchange.open = false;
        self.release(event_loop, peers);
    }

    /// Closes the socket of a client that is gone (by a reset, unless the end was a normal one),
    /// and tells those who have something of it.
    fn release(&mut self, event_loop: &EventLoop, peers: &mut Peers) {
        // That a backend connection is pinned to it may come to light only after it is gone.
        let mut known_to_dispatch = core::mem::take(&mut self.conn.caller.pinned);
        if let Some(mut socket) = self.socket.take() {
            if socket.lent {
                socket.unwatch(event_loop);
                known_to_dispatch = true;
            }
            let record = self.conn.caller.record;
            if self.conn.caller.tls.is_some() {
                // accept hears of it from fosse-tls, which has the client's socket.
                peers.tls.note_ended(record.id, if socket.ended_well { How::Clean } else { How::Reset });
            } else {
                peers.accept.note_closed(record);
            }
        }
        if known_to_dispatch {
            peers.lease.note_ended(self.conn.caller.record.id);
        }
    }

    /// Returns whether the slot can be used again.
    pub(crate) fn is_over(&self) -> bool {
        self.socket.is_none() && self.conn.is_over() && !self.conn.caller.pinned
    }
}

/// Gives fosse-dispatch the socket, where it has none yet, and the lease.
fn lend(
    conn: &mut Conn,
    socket: &mut Socket,
    event_loop: &EventLoop,
    channel: &mut LeaseChannel,
    context: &mut Context,
    out: &mut Outbox,
) -> Flushed {
    if !channel.is_there() {
        conn.abort(ResetReason::Client, context, out);
        return Flushed::Done;
    }
    if !socket.lent {
        if channel.lend(conn.caller.record.id, socket.as_fd()).is_err() {
            return Flushed::LeaseBlocked;
        }
        socket.lent = true;
    }
    context.counters.add(count::LEASES, 1);
    conn.stream.exchange.lease = Lease::Out;
    if conn.stream.exchange.status == 101 {
        socket.upgrade(event_loop, &context.counters);
        conn.phase = Phase::Upgraded;
    }
    // Bytes that came with the upgrade are the new protocol's. Otherwise they are the next request.
    let rest = if conn.phase == Phase::Upgraded { core::mem::take(&mut conn.input) } else { Vec::new() };
    out.raw(conn.stream.id, Kind::Lease, &rest);
    Flushed::Done
}
