//! The link between exchanges and upstream: a stream gets its connection here, and loses it here.

use fosse_counters::dispatch as count;
use fosse_eventloop::slab::Key;
use fosse_settings::{Action, Backend, Dispatch as Settings};
use fosse_wire::{
    Kind, StreamId,
    cache::LeaveCause,
    frame::ResetReason,
    order::Forward,
    response::{BACKEND_NONE, Cause},
};

use crate::{
    cache::lead,
    context::{Context, Shared},
    exchange::{
        Outcome, access,
        clients::Clients,
        limit::Limit,
        local::{self, LocalResponse},
        response, response_head, send,
        stream::{Lease, Stream, Wait},
        streams::Streams,
        traffic,
    },
    limits,
    policies::Policies,
    upstream::{
        Upstream,
        connection::{At, Connection},
        supply::{Event, Supply, Waiting},
    },
};

/// Everything but the streams.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) policies: &'a Policies,
    pub(crate) upstream: &'a mut Upstream,
    pub(crate) clients: &'a mut Clients,
    pub(crate) context: Context<'a>,
}

impl Lane<'_> {
    /// Returns the connection of a stream, to be looked at.
    pub(crate) fn connection_of(&self, stream: &Stream) -> Option<&Connection> {
        self.upstream.connections.get(stream.connection?)
    }

    /// Does the work that a handler has left. Returns news for another stream, which the end of
    /// this one's exchange may bring.
    pub(crate) fn settle(&mut self, stream: &mut Stream, outcome: Outcome) -> Option<Event> {
        match outcome {
            Outcome::Continue => {}
            Outcome::Ask => return self.put_question(stream),
            Outcome::Connect => self.connect(stream),
            Outcome::Reconnect => self.reconnect(stream),
            Outcome::Failed(why) => return self.backend_failed(stream, why),
            Outcome::Respond(status) => self.respond(stream, status, Cause::of_status(status)),
            Outcome::RespondByPolicy => self.respond_by_policy(stream),
            Outcome::Preflight(fields) => self.respond_to_preflight(stream, &fields),
            Outcome::AskCache | Outcome::RespondKept => return self.settle_kept(stream, &outcome),
            Outcome::Refuse(cause) => self.respond(stream, 503, cause),
            Outcome::SendFile { clean } => return self.send_file(stream, clean),
            Outcome::SendKept { clean } => return self.send_instead(stream, clean),
            Outcome::ReadWhole { clean } => return self.detach(stream, clean),
            Outcome::Complete { clean } => return self.complete(stream, clean),
            Outcome::ClientLost => {
                self.abandon(stream);
                self.end_response(stream);
                self.context.shared.way(stream.is_encoded).reset(stream.id, ResetReason::Client);
            }
        }
        None
    }

    /// Finds a connection for a stream: its client's own, an idle one, a new one, or a place in the
    /// queue for one.
    pub(crate) fn connect(&mut self, stream: &mut Stream) {
        if stream.awaits_access() {
            return self.context.state_error("a request without access wants a connection");
        }
        let pinned =
            stream.pin().and_then(|pin| self.upstream.take_pinned(stream.id, stream.backend, pin, &self.context));
        if let Some(key) = pinned {
            // The server is where the login is, whatever the balance says.
            return self.begin(stream, key);
        }
        match self.upstream.request(stream.id, stream.source(), stream.backend, stream.wanted, &self.context) {
            Supply::Ready(key) => self.begin(stream, key),
            Supply::Connecting(server) => {
                stream.server = Some(server);
                self.wait(stream, Waiting::Connecting);
            }
            Supply::Queued => self.wait(stream, Waiting::Queued),
            Supply::QueueFull => self.respond(stream, 503, Cause::QueueFull),
            // Where checks have taken all servers out, it is no failure of this request.
            Supply::NoServer if stream.wanted.tried.is_empty() => self.respond(stream, 503, Cause::Busy),
            Supply::NoServer => self.respond(stream, 502, Cause::Backend),
        }
    }

    /// Lets a stream wait for a connection. How long a server may take to be connected to is
    /// connect's to decide, which replies to every request: the limit for that is the last resort,
    /// and longer by the queue's time.
    pub(crate) fn wait(&mut self, stream: &mut Stream, supply: Waiting) {
        let Backend { connect_seconds, queue_seconds, .. } = self.settings.backends[stream.backend];
        let (limit, time) = match supply {
            Waiting::Queued => (Limit::Queue, queue_seconds),
            Waiting::No | Waiting::Connecting => (Limit::Reply, connect_seconds + queue_seconds),
        };
        stream.supply = supply;
        if stream.wait != Wait::Continue {
            stream.wait = Wait::Connection;
        }
        stream.start_limit(limit, time, &mut self.context);
    }

    /// Joins a stream and the connection that upstream has given it.
    fn begin(&mut self, stream: &mut Stream, key: Key) {
        if stream.awaits_access() {
            return self.ask_over(stream, key);
        }
        let Upstream { servers, connections, pins, .. } = &mut *self.upstream;
        let Some(connection) = connections.get_mut(key) else {
            return self.context.state_error("connection for a stream is gone");
        };
        stream.server = Some(connection.server);
        let backend = &self.settings.backends[stream.backend];
        let id = Some(servers[connection.server].id);
        let is_new = !backend.sticky_cookie.is_empty() && stream.wanted.affinity.cookie != id;
        stream.new_owner = id.filter(|_| is_new);
        send::begin(stream, key, connection, pins, backend, &mut self.context);
    }

    /// Replaces a connection that cannot be used: no byte of the request has gone out.
    fn reconnect(&mut self, stream: &mut Stream) {
        self.abandon(stream);
        self.connect(stream);
    }

    /// Takes news of upstream for a stream that waits in a queue.
    pub(crate) fn supplied(&mut self, streams: &mut Streams, event: Event) {
        match event {
            Event::Ready(id, key) => match streams.get(id) {
                Some(stream) => self.begin(stream, key),
                None if self.copy_supplied(&event) => {}
                None => {
                    self.context.state_error("stream that waits for a connection is gone");
                    self.upstream.close(key, &self.context);
                }
            },
            Event::Failed(id, server) => match streams.get(id) {
                Some(stream) => {
                    let news = self.elsewhere(stream, server);
                    let over = stream.is_over();
                    self.follow(streams, id, over, news);
                }
                None if self.copy_supplied(&event) => {}
                None => self.context.state_error("stream in the queue of a server is gone"),
            },
        }
    }

    /// Takes a stream's connection away and closes it, as its state is not known any more, or takes
    /// the stream out of the queue for one.
    pub(crate) fn abandon(&mut self, stream: &mut Stream) {
        if stream.supply != Waiting::No {
            stream.supply = Waiting::No;
            self.upstream.cancel(stream.id, stream.backend, &self.context);
        }
        self.end_question(stream);
        stream.drop_ahead(&mut self.context.shared.ahead);
        if !stream.response_ended {
            self.release_client(stream);
        }
        if let Some(key) = stream.connection.take() {
            self.upstream.close(key, &self.context);
        }
    }

    fn release_client(&mut self, stream: &Stream) {
        if stream.lease == Lease::Held {
            self.clients.release(stream.client_connection, self.context.event_loop);
        }
    }

    /// Ends a response that is complete: END to parse, the connection back to its pool where it can
    /// be used again.
    fn complete(&mut self, stream: &mut Stream, clean: bool) -> Option<Event> {
        self.release_client(stream);
        let connection = stream.connection.and_then(|key| self.upstream.connections.get(key));
        let Some(at) = connection.map(|connection| &connection.at).or(stream.read_whole()) else {
            self.context.state_error("response without a connection");
            return None;
        };
        let trailers = if let At::Chunked(decoder) = at { Some(decoder.trailers()) } else { None };
        response::end(self.context.shared.way(stream.is_encoded), stream.id, stream.leased_bytes, trailers);
        self.end_response(stream);
        let key = stream.connection.take()?;
        self.free(key, clean && stream.sent())
    }

    /// Notes that nothing more of a response follows. A filter that still has some of the request's
    /// body is told to keep it: no server takes it any more.
    pub(crate) fn end_response(&mut self, stream: &mut Stream) {
        stream.response_ended = true;
        lead::leave(stream, LeaveCause::Own, self.context.shared);
        if stream.released > 0 && stream.forward == Forward::Open {
            self.context.shared.output.outbox.raw(stream.id, Kind::ReleaseCredit, &[0; 4]);
        }
    }

    /// Takes its connection from a stream of whose response the client has not taken all that the
    /// server has sent.
    fn detach(&mut self, stream: &mut Stream, clean: bool) -> Option<Event> {
        let Some(key) = stream.connection.take() else {
            self.context.state_error("response without a connection");
            return None;
        };
        if let Some(connection) = self.upstream.connections.get_mut(key) {
            stream.set_read_whole(std::mem::replace(&mut connection.at, At::Head));
        }
        self.context.counters.add(count::READ_AHEAD, 1);
        self.free(key, clean && stream.sent())
    }

    /// Takes a connection back on which a response has ended.
    pub(crate) fn free(&mut self, key: Key, clean: bool) -> Option<Event> {
        let Some(connection) = self.upstream.connections.get(key) else {
            self.context.state_error("connection of a response is gone");
            return None;
        };
        let (server, reusable) = (connection.server, connection.keep && clean && !connection.ended);
        self.upstream.worked(server, &self.context);
        if reusable {
            return self.upstream.release(key, &self.context);
        }
        self.upstream.close(key, &self.context);
        None
    }

    /// Sends the response that the policy of a stream has in place of a backend.
    fn respond_by_policy(&mut self, stream: &mut Stream) {
        let policy = self.policies.get(stream.policy);
        let (status, page) = match &policy.settings.action {
            Action::Respond(page) => (page.status, Some(page)),
            Action::Redirect(status) => (*status, None),
            Action::Backend(_) => return self.respond(stream, 502, Cause::Backend),
        };
        self.end_response(stream);
        traffic::count_failure(stream, status, &self.context);
        let local = LocalResponse {
            status,
            page,
            request: stream.request,
            to_head: stream.to_head,
            fields: stream.response_fields(),
            location: &stream.location,
            // parse knows whether the client has more of a body to send.
            close: false,
            backend: BACKEND_NONE,
            changes: response_head::changes(stream, policy),
            ..LocalResponse::default()
        };
        let date = self.context.shared.date.at(self.context.event_loop.now_ms());
        local::put(&mut self.context.shared.output.outbox, stream.id, &local, date);
    }

    /// Sends the response to a preflight.
    fn respond_to_preflight(&mut self, stream: &mut Stream, fields: &[access::Field]) {
        self.end_response(stream);
        let local = LocalResponse {
            status: 204,
            request: stream.request,
            to_head: stream.to_head,
            fields,
            close: stream.forward == Forward::Open,
            backend: BACKEND_NONE,
            changes: response_head::changes(stream, self.policies.get(stream.policy)),
            ..LocalResponse::default()
        };
        let date = self.context.shared.date.at(self.context.event_loop.now_ms());
        local::put(&mut self.context.shared.output.outbox, stream.id, &local, date);
    }

    /// Sends a local response, or cuts the response short where its head has gone already.
    pub(crate) fn respond(&mut self, stream: &mut Stream, status: u16, cause: Cause) {
        self.abandon(stream);
        if stream.response_ended {
            return;
        }
        if status >= 500 {
            if self.send_stale(stream) {
                return;
            }
            lead::leave(stream, LeaveCause::Failed, self.context.shared);
        }
        self.end_response(stream);
        traffic::count_failure(stream, status, &self.context);
        if stream.head_sent {
            self.context.shared.way(stream.is_encoded).reset(stream.id, ResetReason::Backend);
        } else {
            let local = LocalResponse {
                status,
                cause,
                request: stream.request,
                to_head: stream.to_head,
                fields: stream.response_fields(),
                retry_after: if status == 503 { limits::RETRY_AFTER_SECONDS } else { 0 },
                close: stream.forward == Forward::Open,
                backend: stream.server.and_then(|n| u32::try_from(n).ok()).unwrap_or(BACKEND_NONE),
                ..LocalResponse::default()
            };
            let Shared { date, output, .. } = &mut *self.context.shared;
            local::put(&mut output.outbox, stream.id, &local, date.at(self.context.event_loop.now_ms()));
        }
        match status {
            502 => self.context.counters.add(count::BAD_GATEWAY, 1),
            503 => self.context.counters.add(count::UNAVAILABLE, 1),
            504 => self.context.counters.add(count::GATEWAY_TIMEOUT, 1),
            _ => {}
        }
    }

    /// Sends what this turn brought, once for each stream.
    pub(crate) fn send_requests(&mut self, streams: &mut Streams) {
        let mut sends = std::mem::take(&mut self.context.shared.sends);
        for id in sends.drain(..) {
            // It may be over since.
            if let Some(stream) = streams.get(id) {
                self.send(stream);
            }
        }
        self.context.shared.sends = sends;
    }

    /// A client connection is over.
    pub(crate) fn client_ended(&mut self, connection: u64) {
        self.upstream.unpin_client(connection, &self.context);
        self.clients.remove(connection, self.context.event_loop);
    }

    /// Forgets a stream that is over, and tells another one its news.
    pub(crate) fn follow(&mut self, streams: &mut Streams, id: StreamId, over: bool, event: Option<Event>) {
        if over && let Some((held, buffered)) = streams.remove(id) {
            self.context.shared.held_bytes -= u64::from(held);
            self.context.shared.buffered_bytes -= buffered;
        }
        if let Some(event) = event {
            self.supplied(streams, event);
        }
    }
}
