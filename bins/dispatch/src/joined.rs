//! A stream and its connection: what becomes of them when either has something to say, or the
//! client takes more.

use fosse_die::warning;
use fosse_eventloop::slab::Key;
use fosse_eventloop::{Event, Interest};
use fosse_wire::response::Cause;

use crate::{
    PROGRAM,
    context::Context,
    exchange::{
        Outcome, Terms,
        clients::Clients,
        lease, read_ahead, response_body, response_head, send,
        stream::{Lease, Stream},
    },
    lane::Lane,
    retries,
    upstream::{self, connection::Connection, pins::Pins},
};

/// The connection of a stream, and what goes with it.
struct Joined<'j, 'a> {
    key: Key,
    connection: &'j mut Connection,
    pins: &'j mut Pins,
    clients: &'j mut Clients,
    terms: Terms<'a>,
    context: &'j mut Context<'a>,
}

impl<'a> Lane<'a> {
    /// Returns a stream's connection and what goes with it; `None` while it has none.
    fn joined(&mut self, stream: &Stream) -> Option<Joined<'_, 'a>> {
        let key = stream.connection?;
        let (policy, backend) = (self.policies.get(stream.policy), &self.settings.backends[stream.backend]);
        let retried = retries::statuses(stream, policy, backend, self.upstream, &self.context);
        let Some(connection) = self.upstream.connections.get_mut(key) else {
            self.context.state_error("connection of a stream is gone");
            return None;
        };
        let terms = Terms {
            policy,
            backend,
            retried,
            head: response_head::limits(self.settings),
            write_seconds: self.settings.write_seconds,
            may_lease: !stream.paced && self.clients.has_room_for(stream.client_connection),
        };
        let (pins, clients, context) = (&mut self.upstream.pins, &mut *self.clients, &mut self.context);
        Some(Joined { key, connection, pins, clients, terms, context })
    }

    /// Handles a stream's backend connection that has something to read, or room to write.
    pub(crate) fn backend_ready(&mut self, stream: &mut Stream, event: Event) -> Outcome {
        let Some(Joined { key, connection, pins, clients, terms, context }) = self.joined(stream) else {
            return Outcome::Continue;
        };
        if event.readable() && response_body::went_bad_in_pool(stream, connection) {
            return Outcome::Reconnect;
        }
        if event.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR) {
            send::queue(stream, context);
        }
        if event.readable() && !connection.interest.contains(Interest::IN) && !connection.is_tunnel() {
            // Hang-up while nothing is wanted: seen again when the credit comes.
            connection.watch(key, Interest::empty(), context.event_loop);
            return Outcome::Continue;
        }
        match stream.lease {
            Lease::Held => match clients.get_mut(stream.client_connection) {
                Some(client) => lease::pump(stream, key, connection, client, terms, context),
                None => Outcome::of_lost_client(connection),
            },
            Lease::Wanted if event.readable() && stream.reads_ahead => {
                read_ahead::read_ahead(stream, key, connection, context)
            }
            _ if event.readable() => response_body::read(stream, key, connection, pins, terms, context),
            _ => Outcome::Continue,
        }
    }

    /// Asks for the file that a stream's application has named in place of a body. The connection
    /// of the application is free before that.
    pub(crate) fn send_file(&mut self, stream: &mut Stream, clean: bool) -> Option<upstream::supply::Event> {
        let sent = stream.sent();
        let event = stream.connection.take().and_then(|key| self.free(key, clean && sent));
        let files = self.policies.get(stream.policy).settings.send_files.as_ref();
        let backend = files.and_then(|files| self.settings.backends.get(usize::try_from(files.send_files).ok()?));
        match (files, backend) {
            (Some(files), Some(backend)) if stream.ask_for_file(files).is_ok() => {
                (stream.first_byte_seconds, stream.idle_seconds) = (backend.first_byte_seconds, backend.idle_seconds);
                self.connect(stream);
            }
            _ => {
                warning(PROGRAM, format_args!("event=no-such-file request={:016x}", stream.request));
                self.respond(stream, 404, Cause::Request);
            }
        }
        event
    }

    /// Handles the socket of a leased stream's client that has room, or (upgraded) bytes.
    pub(crate) fn client_ready(&mut self, stream: &mut Stream) -> Outcome {
        if stream.read_whole().is_some() {
            return self.write_rest(stream);
        }
        let Some(Joined { key, connection, clients, terms, context, .. }) = self.joined(stream) else {
            return Outcome::Continue;
        };
        match clients.get_mut(stream.client_connection) {
            Some(client) => lease::pump(stream, key, connection, client, terms, context),
            None => Outcome::of_lost_client(connection),
        }
    }

    /// Begins a lease: parse has handed the client's socket over.
    pub(crate) fn lease_begins(&mut self, stream: &mut Stream) -> Outcome {
        if stream.read_whole().is_some() {
            return self.write_rest(stream);
        }
        let Some(Joined { key, connection, clients, terms, context, .. }) = self.joined(stream) else {
            return Outcome::Continue;
        };
        match clients.get_mut(stream.client_connection) {
            Some(client) => lease::begin(stream, key, connection, client, terms, context),
            None => Outcome::ClientLost,
        }
    }

    /// Writes to the client what is left of a response whose server has been let go.
    fn write_rest(&mut self, stream: &mut Stream) -> Outcome {
        match self.clients.get_mut(stream.client_connection) {
            Some(client) => lease::write_rest(stream, client, self.settings.write_seconds, &mut self.context),
            None => Outcome::ClientLost,
        }
    }

    /// Goes on with a response of which parse has granted more.
    pub(crate) fn credit_granted(&mut self, stream: &mut Stream) -> Outcome {
        stream.taken_ms = self.context.now_ms();
        if stream.lease == Lease::No && !stream.is_ahead_empty() {
            response_body::pass_ahead(stream, &mut self.context);
            if stream.is_ahead_empty() && stream.read_whole().is_some() {
                return Outcome::Complete { clean: true };
            }
        }
        let Some(Joined { key, connection, pins, terms, context, .. }) = self.joined(stream) else {
            return Outcome::Continue;
        };
        // It is the backend's turn again, and its time runs again.
        stream.restart_silence_limit(context);
        response_body::resume(stream, key, connection, pins, terms, context)
    }

    /// Reads on for a stream whose client takes nothing, as far as there is memory for it.
    pub(crate) fn read_ahead(&mut self, stream: &mut Stream) -> Outcome {
        stream.reads_ahead = true;
        let Some(Joined { key, connection, pins, terms, context, .. }) = self.joined(stream) else {
            return Outcome::Continue;
        };
        if connection.is_tunnel() {
            Outcome::Continue
        } else if stream.lease == Lease::No {
            response_body::resume(stream, key, connection, pins, terms, context)
        } else {
            read_ahead::read_ahead(stream, key, connection, context)
        }
    }

    /// Sends what this turn brought for a stream's backend.
    pub(crate) fn send(&mut self, stream: &mut Stream) {
        stream.queued = false;
        let Some(Joined { key, connection, terms, context, .. }) = self.joined(stream) else { return };
        send::send_request(stream, key, connection, context);
        if let Some(mirror) = terms.policy.settings.mirror.filter(|_| stream.sent() && !stream.mirrored) {
            self.mirror(stream, mirror);
        }
    }
}
