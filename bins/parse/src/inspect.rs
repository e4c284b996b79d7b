//! Questions of people about the connections of this lane, which fosse-status asks in a page. A
//! part of the slots is looked at in a turn, so that nobody waits for it.

use fosse_counters::{ConnectionRow, ConnectionState, QuestionReader, Saying, Wanted};
use fosse_eventloop::EventLoop;
use fosse_source::Source;
use fosse_sys::page::PageReader;
use fosse_wire::Outbox;

use crate::client::Client;
use crate::conn::{Conn, Phase};
use crate::context::Context;
use crate::limits::{QUESTION_MS_MAX, QUESTION_SLOTS_TURN_MAX, QUESTION_WAIT_MS};
use crate::peers::Peers;
use crate::table::{Table, Visited};

/// The page of questions, and how far the one that is open is worked on.
#[derive(Debug)]
pub(crate) struct Inspector {
    /// None in a shell.
    page: Option<QuestionReader>,
    /// Number of the question that was read last; 0 for none.
    number: u64,
    wanted: Wanted,
    /// The next slot to be looked at.
    slot: u32,
    /// Rows that are said and not published.
    rows: usize,
    ended: u64,
    is_looking: bool,
    /// The time until which it is looked for the next question.
    until_ms: u64,
}

impl Inspector {
    /// Reads a page, where there is one.
    pub(crate) fn new(page: Option<PageReader>) -> Self {
        let page = page.map(QuestionReader::new);
        Self { page, number: 0, wanted: Wanted::List, slot: 0, rows: 0, ended: 0, is_looking: false, until_ms: 0 }
    }

    /// Returns how long the next turn may be waited for.
    pub(crate) fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        match self.is_looking {
            true => Some(0),
            // Another question follows at once.
            false => (now_ms < self.until_ms).then_some(QUESTION_WAIT_MS),
        }
    }

    /// Works on the question that is open, where one is.
    pub(crate) fn turn(
        &mut self,
        clients: &mut Table,
        event_loop: &EventLoop,
        peers: &mut Peers,
        context: &mut Context,
        out: &mut Outbox,
    ) {
        let Some(page) = &self.page else { return };
        let open = page.number();
        if open != self.number {
            match page.read() {
                Some((number, wanted)) => self.begin(number, wanted, context.now_ms),
                None if open == 0 => {
                    Saying::wipe(&context.counters);
                    (self.number, self.is_looking, self.until_ms) = (0, false, 0);
                }
                // It is being written.
                None => return,
            }
        }
        if !self.is_looking {
            return;
        }
        for _ in 0..QUESTION_SLOTS_TURN_MAX {
            if self.slot >= clients.slots() {
                return self.publish(true, context);
            }
            clients.visit_slot(self.slot, |client| self.look_at(client, event_loop, peers, context, out));
            self.slot += 1;
            if Saying::go_on(&context.counters, self.rows).is_full() {
                return self.publish(false, context);
            }
        }
    }

    fn begin(&mut self, number: u64, wanted: Wanted, now_ms: u64) {
        (self.number, self.wanted, self.rows, self.ended) = (number, wanted, 0, 0);
        (self.is_looking, self.until_ms) = (true, now_ms + QUESTION_MS_MAX);
        if wanted != Wanted::Rest {
            self.slot = 0;
        }
    }

    fn publish(&mut self, is_all: bool, context: &Context) {
        Saying::go_on(&context.counters, self.rows).publish(self.number, is_all, self.ended);
        self.is_looking = false;
    }

    fn look_at(
        &mut self,
        client: &mut Client,
        event_loop: &EventLoop,
        peers: &mut Peers,
        context: &mut Context,
        out: &mut Outbox,
    ) -> Visited {
        if client.socket.is_none() {
            return Visited::Done;
        }
        let conn = &client.conn;
        let is_meant = match self.wanted {
            Wanted::List | Wanted::Rest => {
                let mut saying = Saying::go_on(&context.counters, self.rows);
                saying.push(&row(conn, context));
                self.rows = saying.rows();
                false
            }
            Wanted::End(id) => conn.record.id == id,
            Wanted::EndAll(address, bits) => has(address, bits, &conn.client().addr),
        };
        if is_meant {
            client.end(event_loop, peers, context, out);
            self.ended += 1;
        }
        Visited::Done
    }
}

/// Returns whether a network has an address. Clients without one are in none.
fn has(network: [u8; 16], bits: u8, address: &[u8; 16]) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    let differs = (u128::from_be_bytes(network) ^ u128::from_be_bytes(*address)) & mask;
    differs == 0 && Source::of_address(address).is_some()
}

fn row(conn: &Conn, context: &Context) -> ConnectionRow {
    let client = conn.client();
    let is_open = conn.exchange.open || !conn.output.is_empty();
    ConnectionRow {
        id: conn.record.id,
        client: client.addr,
        port: client.port,
        listener: conn.record.listener,
        listener_port: context.settings.listener(conn.record.listener).map_or(0, |listener| listener.port),
        state: state(conn),
        since_ms: conn.shown.since_ms,
        requests: conn.requests,
        bytes_in: conn.shown.bytes_in,
        bytes_out: conn.shown.bytes_out,
        site: if is_open { context.settings.site_name(conn.exchange.site).to_owned() } else { String::new() },
        request: if is_open { conn.shown.text() } else { String::new() },
    }
}

fn state(conn: &Conn) -> ConnectionState {
    match conn.phase {
        Phase::Upgraded => ConnectionState::Upgraded,
        Phase::Closing | Phase::Linger | Phase::Gone => ConnectionState::Ends,
        _ if !conn.output.is_empty() || conn.exchange.open && conn.exchange.response_begun => ConnectionState::Response,
        Phase::Response => ConnectionState::Waits,
        Phase::Body => ConnectionState::Request,
        Phase::Proxy | Phase::Head if conn.input.is_empty() => ConnectionState::Idle,
        Phase::Proxy | Phase::Head => ConnectionState::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses_and_nobody_without_one() {
        let of = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
        assert!(has(of("::ffff:192.0.2.0"), 120, &of("::ffff:192.0.2.9")));
        assert!(!has(of("::ffff:192.0.2.0"), 120, &of("::ffff:192.0.3.9")));
        assert!(has(of("2001:db8::"), 32, &of("2001:db8:1::9")) && has(of("::"), 0, &of("::1")));
        assert!(!has(of("::"), 0, &of("::")) && !has(of("2001:db8::1"), 128, &of("2001:db8::2")));
    }
}
