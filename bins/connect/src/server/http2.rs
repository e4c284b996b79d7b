//! Servers with HTTP/2, whose connections are shared by the program beside this one.

use fosse_deadlines::{Timer, after};
use fosse_eventloop::slab::Key;
use fosse_service::{ExitReason, Process};
use fosse_wire::beside::{Beside, ToBeside};

use crate::pending::{Asker, Limit, Pending, Step};
use crate::server::Server;

impl Server {
    /// Keeps a connection that is to be made, and gives it its time.
    pub(super) fn begin(&mut self, process: &Process, pending: Pending) -> Option<Key> {
        let server = &self.servers[pending.server];
        let key = self.pending.insert(pending)?;
        let (slot, now_ms) = (key.slot(), process.event_loop.now_ms());
        let pending = self.pending.get_mut(key)?;
        pending.timer.start(&mut self.deadlines, slot, Limit::Connect, after(now_ms, server.connect_seconds));
        Some(key)
    }

    /// Has dispatch's request for a server with HTTP/2 replied to by the program that has its
    /// connections.
    pub(super) fn ask(&mut self, process: &Process, tag: u32, server: usize) -> Result<(), ExitReason> {
        let (asker, step) = (Asker::Dispatch, Step::Unasked);
        match self.begin(process, Pending { asker, tag, server, step, timer: Timer::default() }) {
            Some(key) => self.ask_http2(process, key),
            None => Ok(()),
        }
    }

    pub(super) fn ask_http2(&mut self, process: &Process, key: Key) -> Result<(), ExitReason> {
        // One that is being replaced is waited for.
        let Some(pending) = self.pending.get_mut(key).filter(|_| self.beside.has(Beside::Http2)) else { return Ok(()) };
        pending.step = Step::Beside(Beside::Http2);
        let (tag, server) = (self.next_tag, u32::try_from(pending.server).unwrap_or(u32::MAX));
        self.next_tag = tag.wrapping_add(1);
        self.given.insert(tag, key);
        if self.beside.send(Beside::Http2, &process.event_loop, ToBeside::Ask { tag, server }, None) {
            return Ok(());
        }
        self.lose(process, Beside::Http2)
    }
}
