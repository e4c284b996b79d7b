//! Time limits: each connection is checked once a tick.

use fosse_counters::parse as count;
use fosse_eventloop::EventLoop;
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;

use crate::client::Client;
use crate::conn::{Conn, Phase};
use crate::context::Context;
use crate::limits::EXPECT_MS_MAX;
use crate::peers::Peers;
use crate::refused::Refused;
use crate::table::Visited;

/// The action that is due now.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    Abort,
    Refuse,
    Close,
    Continue,
}

/// Does what is due where a client has taken too long.
pub(crate) fn check(
    client: &mut Client,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) -> Visited {
    let conn = &mut client.conn;
    match due(conn, context.now_ms) {
        Due::Nothing => {
            if conn.phase == Phase::Response
                && let Some(socket) = &mut client.socket
            {
                socket.watch_for_hang_up(event_loop);
            }
            return Visited::Done;
        }
        Due::Continue => {
            context.buffers.lend(&mut conn.output.bytes);
            conn.send_continue();
        }
        Due::Close => {
            client.close(event_loop, peers, context, out);
            return Visited::Done;
        }
        Due::Abort => {
            context.counters.add(count::TIMEOUTS, 1);
            conn.abort(ResetReason::Timeout, context, out);
        }
        Due::Refuse => {
            context.counters.add(count::TIMEOUTS, 1);
            let late = if conn.phase == Phase::Body { Refused::BODY_LATE } else { Refused::HEAD_LATE };
            conn.refuse(late, context, out);
        }
    }
    Visited::Flush
}

fn due(conn: &Conn, now_ms: u64) -> Due {
    if !conn.output.is_empty() {
        let too_slow = conn.output.deadline_ms.is_some_and(|deadline_ms| now_ms >= deadline_ms);
        return if too_slow { Due::Abort } else { Due::Nothing };
    }
    let exchange = &conn.exchange;
    if conn.waits_for_continue() && now_ms >= exchange.begun_ms.saturating_add(EXPECT_MS_MAX) {
        return Due::Continue;
    }
    // The time limits are the client's: it is not to blame while the ring takes no bytes.
    let held_up = conn.phase == Phase::Body && !conn.wants_input();
    if now_ms < conn.deadline_ms || held_up {
        return Due::Nothing;
    }
    match conn.phase {
        Phase::Body if exchange.response_begun => Due::Abort,
        Phase::Body => Due::Refuse,
        Phase::Head | Phase::Proxy if !conn.input.is_empty() => Due::Refuse,
        Phase::Head | Phase::Proxy | Phase::Linger => Due::Close,
        Phase::Response | Phase::Closing | Phase::Upgraded | Phase::Gone => Due::Nothing,
    }
}
