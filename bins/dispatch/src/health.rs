//! Active health checks: a GET on a connection of its own, now and then, to each server of a backend that has one.

use fosse_counters::{SERVERS_SHOWN_MAX, Server as Shown};
use fosse_die::info;
use fosse_eventloop::slab::Key;
use fosse_http1::{HeadLimits, HeadWriter, ResponseHead, find_head_end};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};

use crate::{
    link::Use,
    serve::{Dispatch, PROGRAM},
};

impl Dispatch {
    /// Starts the checks that are due.
    pub(crate) fn health_checks(&mut self) {
        let now_ms = self.turn.now_ms();
        let mut down = 0u64;
        for at in 0..self.servers.len() {
            let Some(server) = self.servers.get_mut(at) else { continue };
            down = down.saturating_add(u64::from(!server.up(now_ms)));
            if at < SERVERS_SHOWN_MAX {
                let name = self.config.servers.get(at).map(|s| s.name.clone()).unwrap_or_default();
                let (up, open) = (server.up(now_ms), server.open);
                self.counters.set_server(at, &Shown { name, up, fails: server.fails, open, busy: server.busy });
            }
            let Some(health) = self.config.backends.get(server.backend).and_then(|b| b.health.as_ref()) else {
                continue;
            };
            if server.checking || server.check_ms > now_ms || self.draining {
                continue;
            }
            if server.check_ms == 0 {
                // The first checks of all servers and lanes are spread over one interval.
                let share = u64::try_from(at).unwrap_or(0).wrapping_mul(97) % u64::from(health.interval_ms.max(1));
                server.check_ms = now_ms.saturating_add(share).max(1);
                continue;
            }
            server.checking = true;
            server.check_ms = u64::MAX;
            self.make_room_for_check(at);
            self.ask_if_needed(at);
        }
        self.counters.set(fosse_counters::dispatch::SERVERS_DOWN, down);
    }

    /// A check needs a connection within the server's limit like everybody: one at rest makes room for it. Where all are busy
    /// it waits for the first that is not.
    fn make_room_for_check(&mut self, at: usize) {
        let Some(server) = self.servers.get(at) else { return };
        let max = self.config.backends.get(server.backend).map_or(0, |backend| backend.connections_max);
        if server.open.saturating_add(server.asked) >= max
            && let Some(oldest) = server.idle.first().copied()
        {
            self.close_link(oldest);
        }
    }

    /// A connection for the check has come.
    pub(crate) fn check_begins(&mut self, key: Key) {
        let now_ms = self.turn.now_ms();
        let Some(link) = self.links.get_mut(key) else { return };
        let Some(server) = self.servers.get_mut(link.server) else { return };
        let Some(backend) = self.config.backends.get(server.backend) else { return };
        let Some(health) = &backend.health else { return };
        link.used = Use::Check(now_ms.saturating_add(u64::from(backend.first_byte_ms.min(health.interval_ms))));
        server.check_ms = now_ms.saturating_add(u64::from(health.interval_ms));
        let mut out = Vec::new();
        let written = HeadWriter::request(&mut out, b"GET", health.path.as_bytes()).and_then(|mut to| {
            to.field(b"Host", health.host.as_bytes())?;
            to.field(b"User-Agent", b"fosse-health")?;
            to.field(b"Connection", b"close")?;
            to.finish();
            Ok(())
        });
        let at = link.server;
        let sent = send(&link.fd, &out, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        if written.is_err() || sent != Ok(out.len()) {
            self.close_link(key);
            self.check_ends(at, false);
        }
    }

    /// The answer to a check: any status below 400 is good.
    pub(crate) fn check_event(&mut self, key: Key) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let verdict = self.check_read(key, &mut scratch);
        self.scratch = scratch;
        let (Some(good), Some(at)) = (verdict, self.links.get(key).map(|l| l.server)) else { return };
        self.close_link(key);
        self.check_ends(at, good);
    }

    fn check_read(&mut self, key: Key, scratch: &mut [u8]) -> Option<bool> {
        let link = self.links.get_mut(key)?;
        match recv(&link.fd, &mut *scratch, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Some(false),
            Ok((count, _)) => link.input.extend_from_slice(scratch.get(..count)?),
            Err(Errno::AGAIN | Errno::INTR) => return None,
            Err(_) => return Some(false),
        }
        match find_head_end(&link.input, 0) {
            Ok(None) if link.input.len() <= HeadLimits::DEFAULT.head_bytes => None,
            Ok(Some(end)) => {
                let head = ResponseHead::parse(link.input.get(..end)?, false, &HeadLimits::DEFAULT);
                Some(head.is_ok_and(|h| (200..400).contains(&h.status)))
            }
            _ => Some(false),
        }
    }

    /// Counts a check's result.
    pub(crate) fn check_ends(&mut self, at: usize, good: bool) {
        let now_ms = self.turn.now_ms();
        let Some(server) = self.servers.get_mut(at) else { return };
        let Some(backend) = self.config.backends.get(server.backend) else { return };
        let Some(health) = &backend.health else { return };
        server.checking = false;
        if server.check_ms == u64::MAX {
            server.check_ms = now_ms.saturating_add(u64::from(health.interval_ms));
        }
        let was = server.unhealthy;
        if good {
            server.passes = server.passes.saturating_add(1);
            if server.passes >= health.passes_min.max(1) {
                server.unhealthy = false;
                server.worked();
            }
        } else {
            server.failed(backend, now_ms);
            server.unhealthy |= server.fails >= backend.fails_max.max(1);
        }
        if was != server.unhealthy {
            let name = self.config.servers.get(at).map_or("?", |s| &s.name);
            let state = if server.unhealthy { "down" } else { "up" };
            info(PROGRAM, format_args!("event=health server={name} state={state}"));
        }
    }
}
