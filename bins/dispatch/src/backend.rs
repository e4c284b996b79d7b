//! Requests on their way to a backend: a server, a connection, the bytes, and what happens when one of them fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_wire::{Kind, StreamId, request::Endpoint};
use rustix::{
    io::Errno,
    net::{SendFlags, send},
};

use crate::{
    buffering::Buffering,
    limits,
    link::{At, Use},
    pool,
    serve::{Dispatch, PROGRAM, token},
    stream::{Body, Lease, Wait},
};

impl Dispatch {
    /// Finds a connection for a stream: its client's own, one at rest, a new one, or a place in the queue for one.
    pub(crate) fn assign(&mut self, id: StreamId) {
        match self.pinned_link(id) {
            Some(key) => self.begin_pinned(id, key),
            None => self.assign_any(id),
        }
    }

    fn assign_any(&mut self, id: StreamId) {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        let number = stream.backend;
        let (Some(backend), Some(round)) = (self.config.backends.get(number), self.rounds.get_mut(number)) else {
            return;
        };
        let chosen = pool::choose(backend, &self.servers, round, stream.server, now_ms);
        let Some((at, server)) = chosen.and_then(|at| Some((at, self.servers.get_mut(at)?))) else {
            return self.answer_own(id, 502);
        };
        stream.server = Some(at);
        stream.tries = stream.tries.saturating_add(1);
        while let Some(key) = server.idle.pop() {
            if self.links.get(key).is_some() {
                self.counters.add(count::REUSED, 1);
                self.counters.sub(count::BACKEND_IDLE, 1);
                return self.begin(id, key);
            }
        }
        let full = usize::try_from(backend.queue_max.max(1)).unwrap_or(usize::MAX);
        if server.waiting.len() >= full {
            // Places of streams that have ended meanwhile are free.
            let mut waiting = std::mem::take(&mut server.waiting);
            waiting.retain(|w| *w != id && self.streams.get(*w).is_some_and(|s| s.awaits(at)));
            server.waiting = waiting;
        }
        let Some(stream) = self.streams.get(id) else { return };
        if server.waiting.len() >= full {
            warning(PROGRAM, format_args!("event=backend-full backend={}", backend.name));
            return self.answer_own(id, 503);
        }
        if stream.wait != Wait::Continue {
            stream.wait = Wait::Connection;
        }
        stream.deadline_ms = now_ms.saturating_add(u64::from(backend.connect_ms));
        server.waiting.push_back(id);
        self.ask_if_needed(at);
    }

    /// Takes a connection that cannot be used away and finds another: no byte of the request has gone out.
    pub(crate) fn another_link(&mut self, id: StreamId) {
        self.abandon_link(id);
        let Some(stream) = self.streams.get(id) else { return };
        stream.server = None;
        stream.tries = 0;
        self.assign(id);
    }

    /// No byte of the request has gone out: another server may have it, whatever its method.
    pub(crate) fn elsewhere(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id) else { return };
        let servers = self.config.backends.get(stream.backend).map_or(0, |b| b.server_count);
        if stream.answered || stream.link.is_some() {
            return;
        }
        if stream.tries < servers { self.assign(id) } else { self.answer_own(id, 502) }
    }

    /// The server is where the login is, whatever the balance says.
    fn begin_pinned(&mut self, id: StreamId, key: Key) {
        let (Some(stream), Some(link)) = (self.streams.get(id), self.links.get(key)) else { return };
        stream.server = Some(link.server);
        stream.tries = stream.tries.saturating_add(1);
        if let Some(server) = self.servers.get_mut(link.server) {
            server.pinned_idle = server.pinned_idle.saturating_sub(1);
        }
        self.counters.add(count::REUSED, 1);
        self.begin(id, key);
    }

    /// Joins a stream and a connection.
    pub(crate) fn begin(&mut self, id: StreamId, key: Key) {
        let now_ms = self.turn.now_ms();
        let (Some(stream), Some(link)) = (self.streams.get(id), self.links.get_mut(key)) else { return };
        let Some(backend) = self.config.backends.get(stream.backend) else { return };
        link.used = Use::Stream(id);
        link.at = At::Head;
        link.searched = 0;
        link.heard = false;
        stream.link = Some(key);
        if let Some(server) = self.servers.get_mut(link.server) {
            server.busy = server.busy.saturating_add(1);
        }
        if stream.wait == Wait::Continue {
            stream.deadline_ms = now_ms.saturating_add(limits::CONTINUE_MS);
        } else {
            stream.wait = Wait::FirstByte;
            stream.deadline_ms = now_ms.saturating_add(u64::from(backend.first_byte_ms));
        }
        if backend.proxy_protocol > 0 && !link.used_before {
            // Sent again, it still has the one of the first time.
            if !std::mem::replace(&mut stream.announced, true) {
                proxy_header(&mut stream.out, backend.proxy_protocol, stream.client);
            }
            link.keep = false;
        }
        if stream.logs_in {
            self.pin(id, key);
        }
        self.queue_send(id);
    }

    /// Sends what this turn brought, once for each stream.
    pub(crate) fn send_requests(&mut self) {
        let mut queue = std::mem::take(&mut self.queue);
        for id in queue.drain(..) {
            if let Some(stream) = self.streams.get(id) {
                stream.queued = false;
                self.send_request(id);
            }
        }
        self.queue = queue;
    }

    /// One write to the backend, and the credit that its success makes free.
    pub(crate) fn send_request(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id) else { return };
        let Some((key, link)) = stream.link.and_then(|key| Some((key, self.links.get_mut(key)?))) else { return };
        let mut moved = false;
        if !stream.unsent().is_empty() {
            match send(&link.fd, stream.unsent(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    stream.out_sent = stream.out_sent.saturating_add(sent);
                    moved = true;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The backend may have answered before it closed: what it says, or its end, comes as a read.
                Err(_) => stream.out_sent = stream.out.len(),
            }
        }
        let blocked = !stream.unsent().is_empty();
        if !blocked && stream.held == 0 {
            let held = std::mem::take(&mut stream.held_counted);
            self.held_bytes = self.held_bytes.saturating_sub(u64::from(held));
        }
        if !blocked {
            self.buffered_bytes -= std::mem::take(&mut stream.buffered);
        }
        if stream.out_whole && stream.out.len() > limits::RETRY_BYTES_MAX {
            stream.out_whole = false;
        }
        if !stream.out_whole && !blocked {
            stream.out.clear();
            stream.out_sent = 0;
        }
        let wanted = if blocked { link.interest | Interest::OUT } else { link.interest - Interest::OUT };
        self.watch(key, wanted);
        self.request_moved(id, moved, blocked);
        if !blocked {
            self.grant(id);
        }
    }

    /// Whose turn it is after a write: the client's, whose silence parse limits, or the backend's, to take more or to
    /// answer. A slow client must never look like a slow backend.
    fn request_moved(&mut self, id: StreamId, moved: bool, blocked: bool) {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        let Some(backend) = self.config.backends.get(stream.backend) else { return };
        match stream.wait {
            Wait::Bytes if moved => self.reply_moved(id),
            Wait::FirstByte if !blocked && stream.body != Body::Done => stream.deadline_ms = u64::MAX,
            Wait::FirstByte if moved || stream.deadline_ms == u64::MAX => {
                let wait = if blocked { backend.idle_ms } else { backend.first_byte_ms };
                stream.deadline_ms = now_ms.saturating_add(u64::from(wait));
            }
            _ => {}
        }
    }

    /// Gives parse back the room its bytes took, and more of it to bodies that are emptied as fast as they come.
    pub(crate) fn grant(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id) else { return };
        let waits_for_100 = stream.wait == Wait::Continue;
        if stream.owed == 0 || stream.lease == Lease::Held || waits_for_100 {
            return;
        }
        // What is buffered has emptied nothing yet.
        let emptied = stream.window == 0 && stream.buffering == Buffering::No;
        let grown = if emptied {
            stream.window_size.saturating_mul(2).min(limits::WINDOW_BYTES_MAX)
        } else {
            stream.window_size
        };
        let bytes = stream.owed.saturating_add(grown.saturating_sub(stream.window_size));
        stream.window_size = grown;
        stream.window = stream.window.saturating_add(bytes);
        stream.owed = 0;
        self.output.outbox.credit(id, Kind::RequestCredit, bytes);
    }

    /// Changes what a connection is watched for, where that is a change. Watched for nothing it leaves epoll, which
    /// would report a hang-up again and again.
    pub(crate) fn watch(&mut self, key: Key, wanted: Interest) {
        let Some(link) = self.links.get_mut(key) else { return };
        let token = key.token(token::LINK);
        let changed = match (link.interest.is_empty(), wanted.is_empty()) {
            _ if link.interest == wanted => return,
            (true, false) => self.turn.add(&link.fd, token, wanted),
            (false, true) => self.turn.remove(&link.fd),
            _ => self.turn.modify(&link.fd, token, wanted),
        };
        if changed.is_ok() {
            link.interest = wanted;
        }
    }

    /// Takes a stream's connection away and closes it: its state is not known any more.
    pub(crate) fn abandon_link(&mut self, id: StreamId) {
        let Some(key) = self.streams.get(id).and_then(|s| s.link.take()) else { return };
        self.release_client(id);
        self.close_link(key);
    }

    /// Closes a connection; the room it leaves is for those who wait.
    pub(crate) fn close_link(&mut self, key: Key) {
        if let Some(at) = self.remove_link(key) {
            self.ask_if_needed(at);
        }
    }

    /// Closes a connection; its server.
    pub(crate) fn remove_link(&mut self, key: Key) -> Option<usize> {
        let link = self.links.remove(key)?;
        if let Some(pin) = link.pin {
            self.unpin(key, pin);
        }
        let _ = self.turn.remove(&link.fd);
        self.counters.sub(count::BACKEND_CONNECTIONS, 1);
        if let Some(server) = self.servers.get_mut(link.server) {
            server.open = server.open.saturating_sub(1);
            match link.used {
                Use::Stream(_) => server.busy = server.busy.saturating_sub(1),
                Use::Idle(_) if server.idle.contains(&key) => {
                    server.idle.retain(|k| *k != key);
                    self.counters.sub(count::BACKEND_IDLE, 1);
                }
                Use::Pinned(_) => server.pinned_idle = server.pinned_idle.saturating_sub(1),
                Use::Idle(_) | Use::Check(_) => {}
            }
        }
        Some(link.server)
    }

    /// The backend failed a stream. It is sent again where that is safe, once; otherwise the client learns of it.
    pub(crate) fn backend_failed(&mut self, id: StreamId, status: u16, why: &str) {
        let now_ms = self.turn.now_ms();
        let Some(stream) = self.streams.get(id) else { return };
        let link = stream.link.and_then(|key| self.links.get(key));
        let heard = link.is_some_and(|l| l.heard);
        let stale = link.is_some_and(|l| l.used_before) && !heard;
        let allowed = self.config.backends.get(stream.backend).is_some_and(|b| b.retry);
        let again = allowed && stream.may_repeat() && !heard && status != 504;
        let (server, request) = (stream.server, stream.request);
        if let Some((at, server)) = server.and_then(|at| Some((at, self.servers.get_mut(at)?)))
            && !stale
            && let Some(backend) = self.config.backends.get(server.backend)
        {
            let state = if server.failed(backend, now_ms) { " state=down" } else { "" };
            let name = self.config.servers.get(at).map_or("?", |s| &s.name);
            warning(
                PROGRAM,
                format_args!("event=backend-failed server={name} request={request:016x} why=\"{why}\"{state}"),
            );
        }
        if !again {
            return self.answer_own(id, status);
        }
        self.abandon_link(id);
        self.counters.add(count::RETRIES, 1);
        if let Some(stream) = self.streams.get(id) {
            stream.retries = stream.retries.saturating_add(1);
            stream.out_sent = 0;
            stream.tries = 0;
            if stale {
                stream.server = None;
            }
        }
        self.assign(id);
    }
}

/// Puts a PROXY header before the head: the client's address, and none for ours, which dispatch does not know.
fn proxy_header(out: &mut Vec<u8>, version: u8, client: Endpoint) {
    let ours =
        |ip: IpAddr| if ip.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let addresses = client.ip().map(|ip| (SocketAddr::new(ip, client.port), SocketAddr::new(ours(ip), 0)));
    let mut header = Vec::with_capacity(64);
    if version == 1 {
        fosse_proxyproto::encode_v1(&mut header, addresses);
    } else {
        fosse_proxyproto::encode_v2(&mut header, addresses);
    }
    out.splice(0..0, header);
}
