//! When the ring is dead: everyone who has seen nothing gets 503, everyone who has seen a part gets a reset, everyone who waits for nothing
//! goes to another lane. No request is sent again.

use fosse_wire::frame::ResetReason;

use crate::conn::Phase;
use crate::limits::LAST_WORDS_MS_MAX;
use crate::serve::Server;

impl Server {
    /// Says the last words to all clients, for half a second at most.
    pub fn farewell(&mut self, why: impl core::fmt::Display) {
        fosse_die::say(crate::PROGRAM, fosse_die::Word::Alert, format_args!("unable to go on: {why}"));
        let _ = self.turn.remove(&self.input);
        self.lane.draining = true;
        for slot in 0..self.table.slots() {
            self.end_exchange(slot);
        }
        let end_ms = fosse_eventloop::clock_ms().saturating_add(LAST_WORDS_MS_MAX);
        self.settle();
        while !self.table.is_empty() && self.lane.now_ms < end_ms {
            if self.turn.wait().is_err() {
                return;
            }
            self.lane.now_ms = self.turn.now_ms();
            let mut at = 0usize;
            while let Some(event) = self.turn.happened(at) {
                self.on_client(event.token, event);
                at = at.saturating_add(1);
            }
            self.settle();
        }
        for slot in 0..self.table.slots() {
            // accept could not take it: between requests an end is no failure.
            if self.table.get_mut(slot).is_some_and(|entry| entry.conn.is_idle()) {
                self.close_clean(slot);
            }
        }
    }

    /// What becomes of one connection. Bytes of a request that has not begun are a request without a response byte too.
    fn end_exchange(&mut self, slot: u32) {
        let Self { table, lane, output, .. } = self;
        let Some(entry) = table.get_mut(slot) else { return };
        let conn = &mut entry.conn;
        let out = &mut output.outbox;
        match conn.phase {
            Phase::Proxy | Phase::Head if conn.input.is_empty() => {}
            Phase::Proxy | Phase::Head => conn.refuse(503, "try again", lane, out),
            Phase::Body | Phase::Answer if !conn.exchange.answered => conn.refuse(503, "try again", lane, out),
            Phase::Body | Phase::Answer | Phase::Upgraded => conn.abort(ResetReason::Backend, lane, out),
            Phase::Closing | Phase::Linger | Phase::Gone => {}
        }
        conn.exchange.open = false;
        // The backend connection is gone with dispatch: the client goes on elsewhere, as one who has not logged in.
        conn.pinned = false;
        self.mark(slot);
    }
}
