//! Bytes of servers on their way to dispatch.

use fosse_counters::dispatch_h2 as count;
use fosse_eventloop::slab::Key;
use fosse_http2::{Broken, Cut, Said};
use fosse_service::Process;

use crate::server::Server;

impl Server {
    /// Reads once from a server, and uses what came.
    pub(super) fn on_connection(&mut self, process: &Process, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let mut buffer = std::mem::take(&mut self.buffer);
        match connection.socket.read(&mut buffer) {
            Ok(None) => {}
            Ok(Some([])) | Err(_) => {
                let busy = connection.client.live() > 0 || !connection.client.is_agreed();
                self.end_connection(process, key, if busy { "closed by the server" } else { "" });
            }
            Ok(Some(bytes)) => self.take_said(process, key, bytes),
        }
        self.buffer = buffer;
    }

    /// Uses bytes of a server, and keeps those that are part of a frame.
    fn take_said(&mut self, process: &Process, key: Key, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.heard += 1;
        let mut kept = std::mem::take(&mut connection.input);
        let all = if kept.is_empty() {
            bytes
        } else {
            kept.extend_from_slice(bytes);
            &kept
        };
        let (used, broken) = self.use_said(process, key, all);
        let rest = all[used..].to_vec();
        if let Some(broken) = broken {
            process.counters.add(count::BROKEN, 1);
            if let Some(connection) = self.connections.get_mut(key) {
                connection.client.break_off(&broken);
            }
            return self.end_connection(process, key, broken.words);
        }
        if let Some(connection) = self.connections.get_mut(key) {
            connection.input = rest;
            connection.settle_debts();
            let server = connection.server;
            self.write_to(key);
            self.start_queued(process, server);
        }
    }

    fn use_said(&mut self, process: &Process, key: Key, bytes: &[u8]) -> (usize, Option<Broken>) {
        let (mut used, now_ms) = (0, process.event_loop.now_ms());
        let mut text = std::mem::take(&mut self.text);
        let broken = loop {
            let Some(connection) = self.connections.get_mut(key) else { break None };
            match connection.client.next(&bytes[used..], now_ms, &mut text) {
                Ok((0, None)) => break None,
                Ok((taken, said)) => {
                    used += taken;
                    if let Some(said) = said {
                        self.take_one(process, key, said, &text);
                    }
                }
                Err(broken) => break Some(broken),
            }
        };
        self.text = text;
        (used, broken)
    }

    fn take_one(&mut self, process: &Process, connection: Key, said: Said<'_>, text: &[u8]) {
        let place = match said {
            Said::Head(head) => head.place,
            Said::Data { place, .. } | Said::Ended { place } | Said::Cut { place, .. } => place,
            Said::Leaving => return self.server_leaves(process, connection),
        };
        let exchange_key = self.connections.get(connection).and_then(|connection| connection.exchange_at(place));
        let Some((key, exchange)) = exchange_key.and_then(|key| Some((key, self.exchanges.get_mut(key)?))) else {
            return;
        };
        match said {
            Said::Head(head) if head.status < 200 && exchange.has_too_many_interims() => exchange.is_ending = true,
            Said::Head(head) => exchange.head(&head, text),
            Said::Data { bytes, .. } => exchange.data(bytes),
            Said::Ended { .. } => exchange.end(text),
            Said::Cut { why, .. } => self.cut(process, key, why),
            Said::Leaving => {}
        }
        self.write_to_dispatch(key);
    }

    /// A stream is over before its time.
    fn cut(&mut self, process: &Process, key: Key, why: Cut) {
        process.counters.add(count::RESETS, 1);
        let Some(exchange) = self.exchanges.get_mut(key) else { return };
        // After a whole response a server needs no more of the request, and may say so (RFC 9113,
        // section 8.1).
        if exchange.response.is_whole() {
            return;
        }
        match why {
            Cut::Unprocessed => exchange.give_back(),
            Cut::Server(_) => exchange.is_ending = true,
            Cut::Malformed(_) | Cut::TooLong | Cut::Overrun => {
                exchange.is_ending = true;
                let name = &self.table[exchange.server].name;
                fosse_die::warning(crate::PROGRAM, format_args!("event=response-broken server={name} why=\"{why}\""));
            }
        }
    }

    /// A server takes no more streams: what it has not looked at goes elsewhere.
    fn server_leaves(&mut self, process: &Process, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        let server = connection.server;
        for place in connection.client.unprocessed() {
            let exchange = self.connections.get(key).and_then(|connection| connection.exchange_at(place));
            exchange.into_iter().for_each(|exchange| self.give_back(exchange));
        }
        self.give_up_if_alone(process, server);
        self.dial_if_wanted(server);
    }

    /// Writes once to dispatch, and lets the server send more.
    pub(super) fn flush_exchange(&mut self, process: &Process, key: Key) {
        let Some(exchange) = self.exchanges.get_mut(key) else { return };
        if !exchange.flush() || exchange.is_ending && exchange.is_written() {
            return self.end_exchange(process, key);
        }
        let grant = exchange.take_grant();
        if let Some((connection_key, place)) = exchange.stream.filter(|_| grant > 0)
            && let Some(connection) = self.connections.get_mut(connection_key)
        {
            connection.client.grant(place, grant);
            self.write_to(connection_key);
        }
        self.renew_if_over(process, key);
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.watch(&process.event_loop);
        }
    }

    /// Gives a stream back whose exchange is over, and lets the next one begin.
    pub(super) fn renew_if_over(&mut self, process: &Process, key: Key) {
        let Some(exchange) = self.exchanges.get_mut(key).filter(|exchange| exchange.is_over()) else { return };
        let (stream, server) = (exchange.stream.take(), exchange.server);
        exchange.renew();
        if let Some((connection_key, place)) = stream
            && let Some(connection) = self.connections.get_mut(connection_key)
        {
            connection.release(place, process.event_loop.now_ms());
            self.freed.push(server);
        }
    }
}
