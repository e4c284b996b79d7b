//! Backend connections as they come: asked of connect, made or refused, given to whoever waits or put to rest.

use fosse_counters::dispatch as count;
use fosse_die::warning;
use fosse_eventloop::Interest;
use fosse_eventloop::slab::Key;
use fosse_fdpass::Received;
use fosse_stage::Gone;
use fosse_wire::connect::{Answer, Ask, Outcome};
use rustix::io::Errno;

use crate::{
    link::{Link, Use},
    serve::{Dispatch, PROGRAM, token},
};

impl Dispatch {
    /// Asks connect for as many connections as wait, within the server's limit.
    pub(crate) fn ask_if_needed(&mut self, at: usize) {
        loop {
            let Some(server) = self.servers.get_mut(at) else { return };
            let Some(backend) = self.config.backends.get(server.backend) else { return };
            // A check waits for a connection like a request; whoever is first in line gets the first.
            let check = u32::from(server.checking && server.check_ms == u64::MAX);
            let wanted = u32::try_from(server.waiting.len()).unwrap_or(u32::MAX).saturating_add(check);
            if server.asked >= wanted {
                return;
            }
            if server.open.saturating_add(server.asked) >= backend.connections_max {
                if self.evict_pinned(at) {
                    continue;
                }
                return;
            }
            let tag = self.next_ask;
            let ask = Ask { tag, server: u32::try_from(at).unwrap_or(u32::MAX) };
            // A full queue means hundreds of asks are under way; the tick or the next answer asks again.
            if fosse_fdpass::send(&self.connect, &ask.encode(), &[]).is_err() {
                return;
            }
            self.next_ask = tag.wrapping_add(1);
            self.asks.insert(tag, at);
            server.asked = server.asked.saturating_add(1);
        }
    }

    /// Answers from connect.
    pub(crate) fn connected(&mut self) -> Result<(), Gone> {
        let mut bytes = [0; Answer::BYTES];
        let mut fds = Vec::new();
        loop {
            match fosse_fdpass::receive(&self.connect, &mut bytes, &mut fds).map_err(Gone::Failed)? {
                Received::Nothing => return Ok(()),
                Received::End => return Err(Gone::End),
                Received::Message(length) => {
                    let answer = Answer::decode(bytes.get(..length).unwrap_or_default(), fds.len())?;
                    let Some(at) = self.asks.remove(&answer.tag) else { return Err(Gone::Cut) };
                    if let Some(server) = self.servers.get_mut(at) {
                        server.asked = server.asked.saturating_sub(1);
                    }
                    match fds.pop() {
                        Some(fd) => self.new_link(at, fd),
                        None => self.connect_failed(at, &answer),
                    }
                    // Asks that found connect's queue full are made now that it has room.
                    self.ask_if_needed(at);
                }
            }
        }
    }

    fn new_link(&mut self, at: usize, fd: std::os::fd::OwnedFd) {
        self.counters.add(count::CONNECTS, 1);
        let Some(server) = self.servers.get_mut(at) else { return };
        let used = Use::Idle(u64::MAX);
        let Some(key) = self.links.insert(Link::new(fd, at, used)) else { return };
        let watched = self.links.get(key).map(|link| self.turn.add(&link.fd, key.token(token::LINK), Interest::IN));
        if !matches!(watched, Some(Ok(()))) {
            self.links.remove(key);
            return;
        }
        server.open = server.open.saturating_add(1);
        self.counters.add(count::BACKEND_CONNECTIONS, 1);
        self.rest_or_serve(key);
    }

    /// A connection is free: the first that waits for it gets it, else it goes into the pool.
    pub(crate) fn rest_or_serve(&mut self, key: Key) {
        let Some(link) = self.links.get(key) else { return };
        if link.pin.is_some() {
            return self.rest_pinned(key);
        }
        let at = link.server;
        loop {
            let Some(server) = self.servers.get_mut(at) else { return };
            let Some(id) = server.waiting.pop_front() else { break };
            let waits = self.streams.get(id).is_some_and(|s| s.awaits(at));
            if waits {
                return self.begin(id, key);
            }
        }
        let Some(server) = self.servers.get_mut(at) else { return };
        let Some(backend) = self.config.backends.get(server.backend) else { return };
        let Some(link) = self.links.get_mut(key) else { return };
        if server.checking && server.check_ms == u64::MAX {
            // One used before may be closed on the other side by now, which would look like a failed check: it makes room.
            match (link.used_before, server.asked) {
                (false, _) => return self.check_begins(key),
                (true, 0) => return self.close_link(key),
                (true, _) => {}
            }
        }
        if server.idle.len() >= usize::try_from(backend.pool_max).unwrap_or(usize::MAX) {
            return self.close_link(key);
        }
        link.used = Use::Idle(self.turn.now_ms().saturating_add(u64::from(backend.pool_ms)));
        server.idle.push(key);
        self.counters.add(count::BACKEND_IDLE, 1);
    }

    fn connect_failed(&mut self, at: usize, answer: &Answer) {
        let now_ms = self.turn.now_ms();
        let Some(server) = self.servers.get_mut(at) else { return };
        let Some(backend) = self.config.backends.get(server.backend) else { return };
        let out = server.failed(backend, now_ms);
        let (name, word) = (self.config.servers.get(at).map_or("?", |s| &s.name), outcome_word(answer.outcome));
        let state = if out { " state=down" } else { "" };
        let cause = Errno::from_raw_os_error(i32::from(answer.errno));
        warning(PROGRAM, format_args!("event=connect-failed server={name} why={word} errno=\"{cause}\"{state}"));
        if server.checking && server.check_ms == u64::MAX {
            self.check_ends(at, false);
        }
        let Some(server) = self.servers.get_mut(at) else { return };
        if let Some(id) = server.waiting.pop_front() {
            self.elsewhere(id);
        }
        self.ask_if_needed(at);
    }
}

const fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Connected => "connected",
        Outcome::Refused => "refused",
        Outcome::Timeout => "timeout",
        Outcome::WrongPeer => "wrong-peer-uid",
        Outcome::Failed => "failed",
    }
}
