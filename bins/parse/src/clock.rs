//! Time limits: each connection is looked at once a tick.

use fosse_counters as count;
use fosse_eventloop::Interest;
use fosse_wire::frame::ResetReason;

use crate::conn::{Conn, Phase};
use crate::limits::EXPECT_MS_MAX;
use crate::serve::Server;

/// What a look at the clock asks for.
enum Due {
    Nothing,
    Abort,
    Refuse,
    Close,
    Continue,
}

impl Server {
    /// Looks whether something of a connection has taken too long.
    pub(crate) fn check_time(&mut self, slot: u32) {
        let Some(entry) = self.table.get_mut(slot) else { return };
        let due = due(&entry.conn, self.lane.now_ms);
        match due {
            Due::Nothing => return self.notice(slot),
            Due::Continue => {
                self.lane.lend(&mut entry.conn.output);
                entry.conn.say_continue();
            }
            Due::Close => return self.close_clean(slot),
            Due::Abort => {
                self.lane.counters.add(count::parse::TIMEOUTS, 1);
                entry.conn.abort(ResetReason::Timeout, &mut self.lane, &mut self.output.outbox);
            }
            Due::Refuse => {
                self.lane.counters.add(count::parse::TIMEOUTS, 1);
                entry.conn.refuse(408, "the request took too long", &mut self.lane, &mut self.output.outbox);
            }
        }
        self.mark(slot);
    }

    /// A connection whose first request came at once is unknown to epoll so far. If its answer takes this long, it shall be
    /// noticed when the client goes away.
    fn notice(&mut self, slot: u32) {
        if let Some(entry) = self.table.get_mut(slot)
            && entry.conn.phase == Phase::Answer
            && !entry.known
            && let Some(fd) = &entry.fd
        {
            entry.known = self.turn.add(fd, entry.token, Interest::empty()).is_ok();
        }
    }

    /// Draining has taken too long.
    pub(crate) fn cut_off(&mut self, slot: u32) {
        if let Some(entry) = self.table.get_mut(slot) {
            entry.conn.abort(ResetReason::Timeout, &mut self.lane, &mut self.output.outbox);
            entry.conn.exchange.open = false;
            self.drop_socket(slot);
        }
    }
}

fn due(conn: &Conn, now_ms: u64) -> Due {
    if !conn.all_sent() {
        return if now_ms >= conn.write_deadline_ms { Due::Abort } else { Due::Nothing };
    }
    let exchange = &conn.exchange;
    if conn.waits_for_continue() && now_ms >= exchange.begun_ms.saturating_add(EXPECT_MS_MAX) {
        return Due::Continue;
    }
    // A client is not to blame while nobody takes its bytes.
    let held_up = conn.phase == Phase::Body && !conn.wants_input();
    if now_ms < conn.deadline_ms || held_up {
        return Due::Nothing;
    }
    match conn.phase {
        Phase::Body if exchange.answered => Due::Abort,
        Phase::Body => Due::Refuse,
        Phase::Head | Phase::Proxy if !conn.input.is_empty() => Due::Refuse,
        Phase::Head | Phase::Proxy | Phase::Linger => Due::Close,
        Phase::Answer | Phase::Closing | Phase::Upgraded | Phase::Gone => Due::Nothing,
    }
}
