//! Streams whose wait has lasted too long.

use crate::{
    exchange::{
        Outcome,
        limit::Limit,
        stream::{Stream, Wait},
        streams::Streams,
        timeouts,
    },
    lane::Lane,
    upstream::supply::{Event, Waiting},
};

impl Lane<'_> {
    /// Ends the exchanges whose time is over.
    pub(crate) fn end_overdue_streams(&mut self, streams: &mut Streams) {
        let now_ms = self.context.now_ms();
        for slot in self.context.shared.deadlines.due(now_ms, |slot| streams.limited_until_ms(slot)) {
            let Some(stream) = streams.of_slot(slot) else {
                // The end of one stream ends no other.
                self.context.state_error("overdue stream is gone");
                continue;
            };
            if let Some(limit) = stream.timer.take_due(now_ms) {
                let news = self.expire(stream, limit);
                let (id, over) = (stream.id, stream.is_over());
                self.follow(streams, id, over, news);
            }
        }
    }

    /// Ends the wait of a stream whose time is over.
    fn expire(&mut self, stream: &mut Stream, limit: Limit) -> Option<Event> {
        if stream.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= self.context.now_ms()) {
            // It says nothing of the server: a client chooses its time.
            return self.settle(stream, Outcome::Respond(504));
        }
        if limit == Limit::Write {
            // The kernel says that there is room once a third of its buffer is free. A slow client
            // takes less than that meanwhile, which only a write finds out.
            let outcome = self.client_ready(stream);
            if outcome != Outcome::Continue || stream.wait != Wait::Client || stream.timer.kind().is_some() {
                return self.settle(stream, outcome);
            }
        }
        if limit == Limit::Access {
            return self.undecided(stream);
        }
        if limit == Limit::Cache && stream.response_ended {
            // It was denied, or its client has gone, while the cache was waited for.
            return None;
        }
        let backend = &self.settings.backends[stream.backend];
        if limit == Limit::Queue && self.upstream.is_connecting(stream.id, stream.backend) {
            // It has left the queue in time.
            self.wait(stream, Waiting::Connecting);
            return None;
        }
        let connection = stream.connection.and_then(|key| self.upstream.connections.get(key));
        let outcome = timeouts::expired(limit, stream, connection, backend, &mut self.context);
        self.settle(stream, outcome)
    }
}
