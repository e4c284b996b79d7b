//! The way of a copy: to a server that has room, and as far as its response.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_eventloop::{Event as Ready, Interest, slab::Key};
use fosse_settings::Mirror;
use fosse_wire::StreamId;

use super::{
    Copied, Mirrors, Original,
    exchange::{self, Progress},
};
use crate::{
    PROGRAM,
    exchange::{failure::Failure, response_head, stream::Stream, streams::Streams},
    lane::Lane,
    upstream::supply::{Event, Supply},
};

impl Lane<'_> {
    /// Copies a request that has gone out, where it is one of those that are copied.
    pub(crate) fn mirror(&mut self, stream: &mut Stream, mirror: Mirror) {
        stream.mirrored = true;
        // What belongs to a connection means nothing on another one.
        if stream.logs_in || stream.fastcgi || !stream.upgrade.is_empty() || stream.has_asked_for_file() {
            return;
        }
        let mirrors = self.context.shared.mirrors.get_or_insert_default();
        if !mirrors.is_next(stream.policy, mirror) {
            return;
        }
        let original = Original {
            source: stream.source(),
            request: stream.request,
            out: &stream.out,
            to_head: stream.to_head,
            sent_us: stream.sent_us,
        };
        // A longer request is not at hand any more.
        let is_whole = stream.out_whole && !stream.announced;
        let copied = if is_whole { mirrors.copy(original, mirror) } else { None };
        let Some(mut copied) = copied else {
            return self.context.counters.add(count::MIRRORS_DROPPED, 1);
        };
        match self.upstream.request_at_once(copied.id, copied.backend, &self.context) {
            Some(Supply::Ready(key)) => self.begin_copy(copied, key),
            Some(_) => {
                let backend = &self.settings.backends[copied.backend];
                // The last resort, as for requests: connect replies to every one.
                copied.until_ms = self.context.after(backend.connect_seconds + backend.queue_seconds);
                self.keep_copy(copied);
            }
            None => self.drop_copy(copied),
        }
    }

    fn mirrors(&mut self) -> &mut Mirrors {
        self.context.shared.mirrors.get_or_insert_default()
    }

    fn keep_copy(&mut self, copied: Copied) {
        self.mirrors().keep(copied);
    }

    /// Takes out the copy that upstream knows by a number; `None` where it knows none by it.
    fn copy_of(&mut self, id: StreamId) -> Option<Copied> {
        self.context.shared.mirrors.as_mut()?.take(id)
    }

    /// Takes news of upstream for a copy. Returns whether it is for one.
    pub(crate) fn copy_supplied(&mut self, event: &Event) -> bool {
        let (Event::Ready(id, _) | Event::Failed(id, _)) = event;
        let Some(copied) = self.copy_of(*id) else { return false };
        match event {
            Event::Ready(_, key) => self.begin_copy(copied, *key),
            // Nobody waits for it: no other server is tried.
            Event::Failed(..) => self.drop_copy(copied),
        }
        true
    }

    /// Joins a copy and a connection, and sends it.
    fn begin_copy(&mut self, mut copied: Copied, key: Key) {
        copied.connection = Some(key);
        copied.until_ms = self.context.after(self.settings.backends[copied.backend].first_byte_seconds);
        let Some(connection) = self.upstream.connections.get_mut(key) else {
            self.context.state_error("connection of a copy is gone");
            return self.drop_copy(copied);
        };
        exchange::send(&mut copied, key, connection, &self.context);
        self.keep_copy(copied);
    }

    /// Handles the connection of a copy that has something to read, or room to write. Returns
    /// whether there is such a copy.
    pub(crate) fn copy_ready(&mut self, id: StreamId, key: Key, event: Ready, streams: &mut Streams) -> bool {
        let Some(mut copied) = self.copy_of(id) else { return false };
        let backend = &self.settings.backends[copied.backend];
        let Some(connection) = self.upstream.connections.get_mut(key) else {
            self.context.state_error("connection of a copy is gone");
            self.drop_copy(copied);
            return true;
        };
        if event.flags.intersects(Interest::OUT | Interest::HUP | Interest::ERR) {
            exchange::send(&mut copied, key, connection, &self.context);
        }
        let (limits, in_head) = (response_head::limits(self.settings), connection.at.is_head());
        let progress = match event.readable() {
            true => exchange::read(&copied, connection, (&limits, backend), &mut self.context),
            false => Progress::More,
        };
        match progress {
            Progress::More => {
                if in_head && !connection.at.is_head() {
                    // All of the body has that time: it is thrown away, and one without an end
                    // would go on for ever.
                    copied.until_ms = self.context.after(backend.idle_seconds);
                }
                self.keep_copy(copied);
            }
            Progress::Failed(why) => self.copy_failed(copied, why),
            Progress::Whole { clean } => {
                copied.connection = None;
                let clean = clean && copied.is_sent();
                self.mirrors().forget(&copied);
                if let Some(news) = self.free(key, clean) {
                    self.supplied(streams, news);
                }
            }
        }
        true
    }

    /// Drops the copies whose time is over.
    pub(crate) fn drop_overdue_copies(&mut self) {
        let now_ms = self.context.now_ms();
        let overdue = self.context.shared.mirrors.as_ref().map(|mirrors| mirrors.overdue(now_ms));
        for id in overdue.unwrap_or_default() {
            if let Some(copied) = self.copy_of(id) {
                self.copy_failed(copied, Failure::NoResponse);
            }
        }
    }

    /// Drops a copy that its server has failed.
    fn copy_failed(&mut self, copied: Copied, why: Failure) {
        let connection = copied.connection.and_then(|key| self.upstream.connections.get(key));
        // One that the server had closed meanwhile says nothing of it.
        let stale = connection.is_some_and(|c| c.used_before && !c.heard) && !why.is_timeout();
        if let Some(at) = connection.map(|connection| connection.server).filter(|_| !stale) {
            let state = if self.upstream.failed(at, &self.context) { " state=down" } else { "" };
            let (name, request) = (&self.upstream.servers[at].name, copied.request);
            warning(
                PROGRAM,
                format_args!("event=mirror-failed server={name} request={request:016x} why=\"{why}\"{state}"),
            );
            self.context.counters.count_aborted(copied.backend);
        }
        self.drop_copy(copied);
    }

    /// Forgets a copy that has got no response, with its connection or its place among those that
    /// wait for one.
    fn drop_copy(&mut self, copied: Copied) {
        self.context.counters.add(count::MIRRORS_DROPPED, 1);
        match copied.connection {
            Some(key) => self.upstream.close(key, &self.context),
            None => self.upstream.cancel(copied.id, copied.backend, &self.context),
        }
        self.mirrors().forget(&copied);
    }
}
