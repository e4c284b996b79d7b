//! The end of waits: a limit runs for what a connection waits for, and says what becomes of it.

use fosse_counters::parse as count;
use fosse_eventloop::EventLoop;
use fosse_wire::Outbox;
use fosse_wire::frame::ResetReason;

use crate::client::Client;
use crate::limit::Limit;
use crate::table::Visited;
use fosse_front::context::Context;
use fosse_front::pace::Wait;
use fosse_front::peers::Peers;
use fosse_front::refused::Refused;

impl Client {
    /// Returns the limit of what it waits for.
    fn limit(&self) -> Option<Limit> {
        // epoll tells of a client that goes away, where it knows the socket.
        let is_watched = || self.socket.as_ref().is_none_or(|socket| socket.is_registered());
        self.conn.limit().filter(|limit| *limit != Limit::HangUp || !is_watched())
    }

    /// Lets the limit run of what is waited for now. The one that runs already runs on, unless it
    /// was stopped because something has moved.
    pub(crate) fn run_limit(&mut self, context: &mut Context) {
        let limit = self.limit();
        let conn = &mut self.conn;
        match limit {
            _ if limit == conn.timer.kind() => {}
            Some(limit) => {
                let at_ms = match conn.stream.paced() {
                    Some(Wait::Until(at_ms)) => at_ms,
                    _ => context.after(limit.time(conn.stream.exchange.policy, &context.settings)),
                };
                conn.timer.start(&mut context.deadlines, conn.stream.place, limit, at_ms);
            }
            None => conn.timer.stop(),
        }
    }
}

/// Does what is due where the time of a client is over.
pub(crate) fn end_wait(
    client: &mut Client,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) -> Visited {
    let Some(limit) = client.conn.timer.take_due(context.now_ms) else { return Visited::Done };
    // In this turn it may have got what it waited for.
    if client.limit() == Some(limit) {
        expire(limit, client, event_loop, peers, context, out);
    }
    Visited::Flush
}

fn expire(
    limit: Limit,
    client: &mut Client,
    event_loop: &EventLoop,
    peers: &mut Peers,
    context: &mut Context,
    out: &mut Outbox,
) {
    let conn = &mut client.conn;
    match limit {
        Limit::Continue => {
            context.buffers.lend(&mut conn.output.bytes);
            conn.send_continue();
        }
        Limit::HangUp => {
            if let Some(socket) = &mut client.socket {
                socket.watch_for_hang_up(event_loop);
            }
        }
        // The flush that follows sends the next piece.
        Limit::Pace => {}
        Limit::Body if !conn.stream.exchange.response_begun => time_out(client, Refused::BODY_LATE, context, out),
        Limit::Head if !conn.input.is_empty() => time_out(client, Refused::HEAD_LATE, context, out),
        Limit::Body | Limit::Write => {
            context.counters.add(count::TIMEOUTS, 1);
            conn.abort(ResetReason::Timeout, context, out);
        }
        Limit::Head | Limit::Idle | Limit::Linger => client.close(event_loop, peers, context, out),
    }
}

fn time_out(client: &mut Client, late: Refused, context: &mut Context, out: &mut Outbox) {
    context.counters.add(count::TIMEOUTS, 1);
    client.conn.refuse(late, context, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::{Conn, Phase};
    use crate::limits::HANG_UP_MS;
    use crate::socket::Socket;
    use fosse_counters::Counters;
    use fosse_front::settings::Settings;
    use fosse_wire::StreamId;
    use fosse_wire::channel::Connection;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n";

    fn after(said: &str, change: impl FnOnce(&mut Conn)) -> Option<Limit> {
        let mut context = Context::new(crate::PROGRAM, Settings::plain(), Counters::private(), 0);
        let mut conn = Conn::new(Connection::default(), StreamId::first(0).unwrap(), &context);
        conn.feed(said.as_bytes(), &mut context, &mut Outbox::default());
        change(&mut conn);
        conn.limit()
    }

    #[test]
    fn a_connection_waits_for_one_thing_at_a_time_and_each_has_its_limit() {
        let post = &format!("{POST}\r\nbody");
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let rest = &format!("{get}GET /");
        let next = |conn: &mut Conn| conn.phase = Phase::Head;
        for (limit, got) in [
            (Some(Limit::Head), after("", |_| ())),
            (Some(Limit::Head), after("GET /", |_| ())),
            (Some(Limit::Idle), after(get, next)),
            (Some(Limit::Head), after(rest, next)),
            (Some(Limit::Body), after(post, |_| ())),
            (None, after(post, |conn| conn.stream.exchange.request_credit = 0)),
            (Some(Limit::Continue), after(&format!("{POST}Expect: 100-continue\r\n\r\n"), |_| ())),
            (Some(Limit::HangUp), after(get, |_| ())),
            (Some(Limit::Write), after(get, |conn| conn.output.bytes.push(b'x'))),
            (Some(Limit::Write), after(post, |conn| conn.output.bytes.push(b'x'))),
            (Some(Limit::Linger), after(get, |conn| conn.phase = Phase::Linger)),
            (None, after(get, |conn| conn.phase = Phase::Upgraded)),
        ] {
            assert_eq!(got, limit);
        }
    }

    #[test]
    fn the_requests_of_a_connection_leave_the_heap_of_limits_alone() {
        let pair = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let mut context = Context::new(crate::PROGRAM, Settings::plain(), Counters::private(), 0);
        let conn = Conn::new(Connection::default(), StreamId::first(0).unwrap(), &context);
        let mut client = Client { conn, socket: Some(Socket::new(pair.0, 0)), queued: false };
        let mut looks = Vec::new();
        for _ in 0..100 {
            client.conn.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut context, &mut Outbox::default());
            client.run_limit(&mut context);
            assert_eq!(client.conn.timer.kind(), Some(Limit::HangUp));
            looks.push(context.now_ms + context.deadlines.wait_ms(context.now_ms).unwrap());
            context.now_ms += 2;
            client.conn.phase = Phase::Head;
            client.run_limit(&mut context);
            assert_eq!(client.conn.timer.at_ms(), Some(context.after(context.settings.blob.idle_seconds)));
        }
        assert_eq!(looks, [HANG_UP_MS; 100], "the next look is where the first request has put it");
    }
}
