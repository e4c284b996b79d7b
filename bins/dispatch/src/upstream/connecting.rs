//! Connections that are not there yet: what is asked of connect, and what it replies.

use std::os::fd::OwnedFd;

use fosse_connector::Failure;
use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_stage::Gone;
use fosse_wire::StreamId;

use super::{
    Upstream,
    connection::Connection,
    supply::{Event, Supply},
};
use crate::{
    PROGRAM,
    context::{Context, token},
};

impl Upstream {
    /// Finds a connection of a server; `None` where there is no room for one.
    pub(super) fn request_of(&mut self, at: usize, id: StreamId, context: &Context<'_>) -> Option<Supply> {
        let (server, backend) = self.servers.with_backend(at);
        server.given(backend, context.now_ms());
        while let Some(key) = server.idle.pop() {
            context.counters.sub(count::BACKEND_IDLE, 1);
            let Some(connection) = self.connections.get_mut(key) else {
                context.state_error("idle connection is gone");
                continue;
            };
            connection.give_to(id);
            server.busy += 1;
            context.counters.add(count::REUSED, 1);
            return Some(Supply::Ready(key));
        }
        while !self.servers[at].awaits_one() && !self.reserve(at, context) {
            if !self.evict_pinned(at, context) {
                self.servers[at].probe_lost();
                return None;
            }
        }
        self.servers[at].waiting.push_back(id);
        self.connect_if_wanted(at, context);
        Some(Supply::Connecting(at))
    }

    /// Takes room for a connection to a server.
    fn reserve(&mut self, at: usize, context: &Context<'_>) -> bool {
        self.servers.reserve(at, context.now_ms())
    }

    /// Gives the room that a server has to requests in its backend's queue, and requests the
    /// connections that are wanted.
    pub(crate) fn use_room(&mut self, at: usize, context: &Context<'_>) {
        while self.servers.take_queued(at, context.now_ms()) && self.evict_pinned(at, context) {}
        self.connect_if_wanted(at, context);
    }

    /// Requests as many connections of connect as are wanted, one for each stream that waits,
    /// within the limit of the server.
    fn connect_if_wanted(&mut self, at: usize, context: &Context<'_>) {
        while usize::try_from(self.servers[at].pending).unwrap_or(usize::MAX) < self.servers[at].waiting.len() {
            if self.servers[at].reserved == 0 && !self.reserve(at, context) {
                if self.evict_pinned(at, context) {
                    continue;
                }
                break;
            }
            let server = &mut self.servers[at];
            if !self.connect.request(server.number, (at, server.edition())) {
                break;
            }
            server.reserved -= 1;
            server.pending += 1;
        }
        self.servers[at].release_reserved();
    }

    /// Takes replies of connect until one is news for a stream.
    ///
    /// # Errors
    /// [`Gone`] where connect is.
    pub(crate) fn next_event(&mut self, context: &Context<'_>) -> Result<Option<Event>, Gone> {
        while let Some(reply) = self.connect.next_reply()? {
            if let Some(event) = self.replied(reply.purpose, reply.result, context) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn replied(
        &mut self,
        (at, edition): (usize, u64),
        result: Result<OwnedFd, Failure>,
        context: &Context<'_>,
    ) -> Option<Event> {
        self.servers[at].pending -= 1;
        let event = match result {
            Ok(fd) => self.connected((at, edition), fd, context),
            Err(why) => self.connect_failed(at, why, context),
        };
        // Requests that found connect's queue full are made now that it has room.
        self.use_room(at, context);
        event
    }

    fn connected(&mut self, (at, edition): (usize, u64), fd: OwnedFd, context: &Context<'_>) -> Option<Event> {
        context.counters.add(count::CONNECTS, 1);
        let (server, backend) = self.servers.with_backend(at);
        let connection = Connection::new(fd, (at, edition), backend).of_tls(server.tls);
        let key = self.connections.insert(connection)?;
        let connection = self.connections.get(key)?;
        if context.event_loop.add(&connection.fd, key.token(token::CONNECTION), connection.interest).is_err() {
            // The kernel has no memory to watch it. The next reply, or the tick, asks again.
            self.connections.remove(key);
            return None;
        }
        self.servers[at].open += 1;
        context.counters.add(count::BACKEND_CONNECTIONS, 1);
        self.offer(key, context)
    }

    fn connect_failed(&mut self, at: usize, why: Failure, context: &Context<'_>) -> Option<Event> {
        let out = !why.is_local() && self.failed(at, context);
        let server = &mut self.servers[at];
        let state = if out { " state=down" } else { "" };
        let (name, word, cause) = (&server.name, why.word(), why.cause());
        let cure = why.cure(&self.group);
        warning(PROGRAM, format_args!("event=connect-failed server={name} why={word} errno=\"{cause}\"{state}{cure}"));
        server.waiting.pop_front().map(|id| Event::Failed(id, at))
    }
}
