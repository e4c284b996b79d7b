//! Connections without a request, which end when their time is over, or earlier where others need
//! their room.

use fosse_counters::dispatch as count;

use super::{Upstream, connection::Use};
use crate::context::Context;

impl Upstream {
    /// Returns the milliseconds until the time of a connection is over, where one is idle.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        self.deadlines.wait_ms(now_ms).into_iter().chain(self.wait_for_others_ms(now_ms)).min()
    }

    /// Closes the connections that have been idle for too long.
    pub(crate) fn close_overdue(&mut self, context: &Context<'_>) {
        let (now_ms, connections) = (context.now_ms(), &self.connections);
        let limited_until_ms = |slot| connections.get(connections.key_of(slot)?)?.timer.at_ms();
        for slot in self.deadlines.due(now_ms, limited_until_ms) {
            let Some(key) = self.connections.key_of(slot) else { continue };
            // The room that another one left may have given it to a request.
            if self.connections.get_mut(key).and_then(|connection| connection.timer.take_due(now_ms)).is_some() {
                self.close(key, context);
            }
        }
    }

    /// Makes room for a connection to a server that has as many as it may: the pinned one that has
    /// waited longest for its client is closed. Returns false where there is none, or where the
    /// room would be left to others.
    pub(super) fn evict_pinned(&mut self, at: usize, context: &Context<'_>) -> bool {
        if self.servers[at].pinned_idle == 0 || self.servers[at].is_held(context.now_ms()) {
            return false;
        }
        let waits = self.connections.iter().filter(|(_, c)| c.server == at && c.used == Use::Pinned);
        let Some((key, _)) = waits.min_by_key(|(_, connection)| connection.timer.at_ms()) else {
            context.state_error("pinned connection is gone");
            return false;
        };
        context.counters.add(count::PINNED_EVICTED, 1);
        self.remove(key, context).is_some()
    }
}
