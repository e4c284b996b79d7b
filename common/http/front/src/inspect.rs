//! Questions of people about the connections of this lane, which fosse-status asks in a page. A
//! part of the slots is looked at in a turn, so that nobody waits for it.

use fosse_counters::{ConnectionRow, ConnectionState, QuestionReader, Saying, Wanted};
use fosse_source::Source;
use fosse_sys::page::PageReader;
use fosse_wire::request::Endpoint;

use crate::caller::Caller;
use crate::context::Context;
use crate::limits::{QUESTION_MS_MAX, QUESTION_SLOTS_TURN_MAX, QUESTION_WAIT_MS};

/// The connections of a front by place. Some places have none.
pub trait Connections {
    /// Returns the number of places.
    fn places(&self) -> u32;

    /// Returns accept's number of the connection at a place, and its client.
    fn known(&self, place: u32) -> Option<(u64, Endpoint)>;

    /// Returns what people see of the connection at a place, which there is.
    fn row(&self, place: u32, context: &Context) -> Option<ConnectionRow>;

    /// Ends the connection at a place: between requests in the normal way, else by a reset.
    fn end(&mut self, place: u32, context: &mut Context);
}

/// The page of questions, and how far the one that is open is worked on.
#[derive(Debug)]
pub struct Inspector {
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
    pub fn new(page: Option<PageReader>) -> Self {
        let page = page.map(QuestionReader::new);
        Self { page, number: 0, wanted: Wanted::List, slot: 0, rows: 0, ended: 0, is_looking: false, until_ms: 0 }
    }

    /// Returns how long the next turn may be waited for.
    pub fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        match self.is_looking {
            true => Some(0),
            // Another question follows at once.
            false => (now_ms < self.until_ms).then_some(QUESTION_WAIT_MS),
        }
    }

    /// Works on the question that is open, where one is.
    pub fn turn(&mut self, connections: &mut impl Connections, context: &mut Context) {
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
            if self.slot >= connections.places() {
                return self.publish(true, context);
            }
            self.look_at(self.slot, connections, context);
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

    fn look_at(&mut self, place: u32, connections: &mut impl Connections, context: &mut Context) {
        let Some((id, client)) = connections.known(place) else { return };
        let is_meant = match self.wanted {
            Wanted::List | Wanted::Rest => {
                let mut saying = Saying::go_on(&context.counters, self.rows);
                connections.row(place, context).iter().for_each(|row| saying.push(row));
                self.rows = saying.rows();
                false
            }
            Wanted::End(wanted) => id == wanted,
            Wanted::EndAll(address, bits) => has(address, bits, &client.addr),
        };
        if is_meant {
            connections.end(place, context);
            self.ended += 1;
        }
    }
}

/// Returns whether a network has an address. Clients without one are in none.
fn has(network: [u8; 16], bits: u8, address: &[u8; 16]) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    let differs = (u128::from_be_bytes(network) ^ u128::from_be_bytes(*address)) & mask;
    differs == 0 && Source::of_address(address).is_some()
}

/// Returns the row of a connection. `site` is that of its request, where it has one.
#[must_use]
pub fn row(
    caller: &Caller,
    client: Endpoint,
    state: ConnectionState,
    site: Option<u32>,
    context: &Context,
) -> ConnectionRow {
    let listener = caller.record.listener;
    ConnectionRow {
        id: caller.record.id,
        client: client.addr,
        port: client.port,
        listener,
        listener_port: context.settings.listener(listener).map_or(0, |listener| listener.port),
        state,
        since_ms: caller.shown.since_ms,
        requests: caller.requests,
        bytes_in: caller.shown.bytes_in,
        bytes_out: caller.shown.bytes_out,
        site: site.map(|site| context.settings.site_name(site).to_owned()).unwrap_or_default(),
        request: site.map(|_| caller.shown.text()).unwrap_or_default(),
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
