//! Time limits: streams that have waited too long, connections that have rested too long.

use fosse_die::warning;
use fosse_eventloop::slab::Key;
use fosse_wire::StreamId;

use crate::{
    link::{At, Use},
    serve::{Dispatch, PROGRAM},
    stream::Wait,
};

impl Dispatch {
    /// Streams that have waited too long.
    pub(crate) fn overdue_streams(&mut self) {
        let now_ms = self.turn.now_ms();
        for id in self.streams.overdue(now_ms) {
            let Some(stream) = self.streams.get(id) else { continue };
            match stream.wait {
                Wait::Continue if stream.link.is_some() => self.ask_for_body(id),
                Wait::RequestBody => self.end_buffering(id),
                Wait::Connection | Wait::Continue => {
                    warning(PROGRAM, format_args!("event=no-connection request={:016x}", stream.request));
                    self.answer_own(id, 503);
                }
                Wait::FirstByte => self.backend_failed(id, 504, "no answer in time"),
                Wait::Bytes => self.silent(id),
            }
        }
    }

    /// Nothing moved in an answer for too long: a client that takes nothing of a leased one, an upgraded connection that
    /// nobody uses, or the backend.
    fn silent(&mut self, id: StreamId) {
        let held = self.holds_lease(id);
        let Some(key) = self.streams.get(id).and_then(|s| s.link) else { return self.answer_own(id, 504) };
        match self.links.get(key) {
            Some(link) if matches!(link.at, At::Tunnel) && held => self.reply_done(id, key, false),
            Some(link) if held && !link.input.is_empty() => self.client_lost(id),
            _ => self.backend_failed(id, 504, "silent in the middle of an answer"),
        }
    }

    /// Connections that have rested too long, and checks without an answer.
    pub(crate) fn overdue_links(&mut self) {
        let now_ms = self.turn.now_ms();
        let over =
            |used: Use| matches!(used, Use::Idle(until) | Use::Pinned(until) | Use::Check(until) if until <= now_ms);
        let keys: Vec<Key> = self.links.iter().filter(|(_, link)| over(link.used)).map(|(key, _)| key).collect();
        for key in keys {
            let Some(link) = self.links.get(key) else { continue };
            if matches!(link.used, Use::Check(_)) {
                let at = link.server;
                self.close_link(key);
                self.check_ends(at, false);
            } else {
                self.close_link(key);
            }
        }
    }
}
