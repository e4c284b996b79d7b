//! Bytes of dispatch on their way to servers.

use fosse_eventloop::slab::Key;
use fosse_http1::Refusal;
use fosse_service::Process;

use crate::exchange::Progress;
use crate::request::{self, Whole};
use crate::server::Server;

/// The next step for an exchange after some of its bytes were used.
enum Next {
    /// More bytes are needed, or something has to happen first.
    Wait,
    /// There may be more to be done with those that are there.
    On,
}

impl Server {
    /// Reads once from dispatch, and uses what came.
    pub(super) fn on_exchange(&mut self, process: &Process, key: Key) {
        let Some(exchange) = self.exchanges.get_mut(key) else { return };
        if exchange.is_ending {
            // It says no more, and takes what is still for it.
            return self.write_to_dispatch(key);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        match exchange.socket.read(&mut buffer) {
            Ok(None) => {}
            Ok(Some([])) | Err(_) => self.end_exchange(process, key),
            Ok(Some(bytes)) => self.take_bytes(process, key, bytes),
        }
        self.buffer = buffer;
    }

    /// Uses bytes that were just read, and keeps those that are left.
    fn take_bytes(&mut self, process: &Process, key: Key, bytes: &[u8]) {
        let Some(exchange) = self.exchanges.get_mut(key) else { return };
        if !exchange.input.is_empty() {
            exchange.input.extend_from_slice(bytes);
            return self.resume(process, key);
        }
        let used = self.use_bytes(process, key, bytes);
        if let Some(exchange) = self.exchanges.get_mut(key) {
            exchange.input.extend_from_slice(&bytes[used..]);
            exchange.watch(&process.event_loop);
        }
    }

    /// Uses bytes that were kept, now that something has changed.
    pub(super) fn resume(&mut self, process: &Process, key: Key) {
        let Some(exchange) = self.exchanges.get_mut(key) else { return };
        let mut input = std::mem::take(&mut exchange.input);
        let used = self.use_bytes(process, key, &input);
        if let Some(exchange) = self.exchanges.get_mut(key) {
            input.drain(..used);
            // What is used up gives its memory back.
            if !input.is_empty() {
                exchange.input = input;
            }
            exchange.watch(&process.event_loop);
        }
    }

    /// Uses as much of `bytes` as can be used now. Returns how many.
    fn use_bytes(&mut self, process: &Process, key: Key, bytes: &[u8]) -> usize {
        let mut used = 0;
        loop {
            match self.use_some(process, key, &bytes[used..]) {
                Ok((taken, Next::On)) => used += taken,
                Ok((taken, Next::Wait)) => return used + taken,
                Err(_) => {
                    // dispatch writes nothing that is refused.
                    self.end_exchange(process, key);
                    return bytes.len();
                }
            }
        }
    }

    fn use_some(&mut self, process: &Process, key: Key, bytes: &[u8]) -> Result<(usize, Next), Refusal> {
        let Some(exchange) = self.exchanges.get_mut(key) else { return Ok((bytes.len(), Next::Wait)) };
        match &mut exchange.request {
            Progress::Whole if bytes.is_empty() => Ok((0, Next::Wait)),
            // One exchange at a time: nothing comes before the response is whole.
            Progress::Whole => Err(Refusal::BadRequestLine),
            Progress::Head => {
                let Some(Whole { head_bytes, to_head, body }) = request::whole_head(bytes, &mut exchange.searched)?
                else {
                    return Ok((0, Next::Wait));
                };
                exchange.to_head = to_head;
                exchange.request = Progress::Queued(head_bytes, body);
                if self.open(key, bytes) {
                    return Ok((head_bytes, Next::On));
                }
                let Some(server) = self.exchanges.get(key).map(|exchange| exchange.server) else {
                    return Ok((0, Next::Wait));
                };
                self.pools[server].queue.push_back(key);
                self.dial_if_wanted(server);
                Ok((0, Next::Wait))
            }
            Progress::Queued(head_bytes, _) => {
                let head_bytes = *head_bytes;
                if self.open(key, bytes) { Ok((head_bytes, Next::On)) } else { Ok((0, Next::Wait)) }
            }
            Progress::Body(_) => self.send_body(process, key, bytes).map(|used| (used, Next::Wait)),
        }
    }

    /// Opens the stream of an exchange whose head is whole. Returns false where there is no room.
    fn open(&mut self, key: Key, bytes: &[u8]) -> bool {
        let Some(exchange) = self.exchanges.get_mut(key) else { return false };
        let Progress::Queued(head_bytes, body) = &exchange.request else { return false };
        let (head, is_ended) = (&bytes[..*head_bytes], body.is_none());
        let Some(connection_key) = self.pools[exchange.server].with_room(&self.connections) else { return false };
        let Some(connection) = self.connections.get_mut(connection_key) else { return false };
        let scheme: &[u8] = if self.table[exchange.server].tls { b"https" } else { b"http" };
        let Some(place) = request::open(&mut connection.client, head, scheme, is_ended) else { return false };
        connection.put(place, key);
        exchange.stream = Some((connection_key, place));
        exchange.heard = connection.heard;
        if let Progress::Queued(_, body) = std::mem::take(&mut exchange.request) {
            exchange.request = body.map_or(Progress::Whole, Progress::Body);
        }
        self.write_to(connection_key);
        true
    }

    /// Sends of a body what there is room for.
    fn send_body(&mut self, process: &Process, key: Key, bytes: &[u8]) -> Result<usize, Refusal> {
        let Some(exchange) = self.exchanges.get_mut(key) else { return Ok(bytes.len()) };
        let Progress::Body(body) = &mut exchange.request else { return Ok(0) };
        let stream = exchange.stream.and_then(|(at, place)| Some((at, self.connections.get_mut(at)?, place)));
        let (used, ended) = match stream {
            Some((connection_key, connection, place)) if connection.client.is_sending(place) => {
                let (used, ended) = body.send(&mut connection.client, place, bytes)?;
                exchange.is_blocked = !ended && used < bytes.len();
                if exchange.is_blocked && !connection.blocked.contains(&key) {
                    connection.blocked.push(key);
                }
                if used > 0 && !std::mem::replace(&mut connection.is_dirty, true) {
                    self.dirty_connections.push(connection_key);
                }
                (used, ended)
            }
            // The server needs no more of it.
            _ => {
                exchange.is_blocked = false;
                body.skip(bytes)?
            }
        };
        if ended {
            exchange.request = Progress::Whole;
            self.renew_if_over(process, key);
        }
        Ok(used)
    }

    /// Goes on with bodies that have waited for room, each in its turn.
    pub(super) fn resume_blocked(&mut self, process: &Process, connection_key: Key) {
        let Some(connection) = self.connections.get_mut(connection_key) else { return };
        for key in std::mem::take(&mut connection.blocked) {
            if let Some(exchange) = self.exchanges.get_mut(key) {
                exchange.is_blocked = false;
                self.resume(process, key);
            }
        }
    }

    /// Opens streams for exchanges that have waited for one.
    pub(super) fn start_queued(&mut self, process: &Process, server: usize) {
        while self.pools[server].with_room(&self.connections).is_some()
            && let Some(key) = self.pools[server].queue.pop_front()
        {
            self.resume(process, key);
        }
        self.dial_if_wanted(server);
    }
}
