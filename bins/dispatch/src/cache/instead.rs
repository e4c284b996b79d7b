//! A stream whose client gets what is kept in place of its application's response.

use fosse_wire::cache::LeaveCause;

use super::{
    cached::Instead,
    confirm::{instead, may_be_stale},
    lead,
};
use crate::{
    exchange::{Outcome, limit::Limit, stream::Stream},
    lane::Lane,
    limits,
    upstream::supply::Event,
};

impl Lane<'_> {
    /// Goes on with a stream in place of whose response, all of which is read, what is kept is
    /// sent: once the cache has taken note of its confirmation, or at once.
    pub(crate) fn send_instead(&mut self, stream: &mut Stream, clean: bool) -> Option<Event> {
        let sent = stream.sent();
        let event = stream.connection.take().and_then(|key| self.free(key, clean && sent));
        if stream.cached.as_ref().is_some_and(|cached| cached.tag != 0) {
            let time = std::time::Duration::from_millis(limits::CACHE_WAIT_MS_MAX);
            stream.start_limit(Limit::Cache, time, &mut self.context);
            return event;
        }
        let outcome = instead(stream, &mut self.context);
        event.or(self.settle(stream, outcome))
    }

    /// Sends what is kept in place of a local response that says that the application has failed.
    /// Returns false where nothing is, or it may not be used.
    pub(crate) fn send_stale(&mut self, stream: &mut Stream) -> bool {
        let Some(cached) = stream.cached.as_mut().filter(|_| !stream.head_sent) else { return false };
        let Some(confirms) = cached.confirms else { return false };
        if !may_be_stale(self.context.shared, confirms) {
            return false;
        }
        cached.instead = Some(Instead::Stale);
        lead::leave(stream, LeaveCause::Failed, self.context.shared);
        let outcome = instead(stream, &mut self.context);
        outcome == Outcome::RespondKept && self.settle(stream, outcome).is_none()
    }
}
