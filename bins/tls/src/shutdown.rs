//! The end of the process: after a drain, or of a lane that is gone.

use fosse_counters::DRAINING;
use fosse_counters::tls as count;
use fosse_deadlines::after;
use fosse_eventloop::slab::Key;
use fosse_eventloop::{EventLoop, Events};
use fosse_service::Process;

use crate::client::{Client, Stage};
use crate::fronts::Which;
use crate::limits::LAST_WORDS_MS_MAX;
use crate::server::{CLIENT, Server};

impl Server {
    /// Resets the clients of a front that is gone which are not whole: nobody is there to make them
    /// so.
    pub(crate) fn lose_front(&mut self, which: Which, event_loop: &EventLoop) {
        self.fronts.unwatch(which, event_loop);
        let of_front = self.by_number.values().filter(|(_, of)| *of == which).map(|(key, _)| *key);
        let lost = of_front.filter(|key| self.clients.get(*key).is_some_and(is_cut)).collect();
        self.reset(lost);
    }

    fn reset(&mut self, lost: Vec<Key>) {
        self.context.counters.add(count::RESETS, u64::try_from(lost.len()).unwrap_or(0));
        lost.into_iter().for_each(|key| self.close(key));
    }

    pub(crate) fn drain(&mut self) {
        self.context.counters.set(DRAINING, 1);
        self.drain_until_ms = Some(after(self.context.now_ms, self.context.settings.drain_seconds_max));
    }

    pub(crate) fn is_drained(&mut self, event_loop: &EventLoop) -> bool {
        let Some(until_ms) = self.drain_until_ms else { return false };
        let is_overdue = self.context.now_ms >= until_ms;
        if is_overdue {
            let all: Vec<Key> = self.clients.iter().map(|(key, _)| key).collect();
            all.into_iter().for_each(|key| self.close(key));
        }
        // One tick more than the drain itself takes: accept may have passed a connection before it
        // heard of the drain.
        self.clients.is_empty() && event_loop.ticked() && (self.accept.has_sent_all() || is_overdue)
    }

    /// Gives clients that are whole what is theirs, for half a second at most.
    pub(crate) fn say_last_words(&mut self, process: &mut Process) {
        if let Some(accept) = self.accept.fd() {
            // What is not read goes on to another lane.
            let _ = process.event_loop.remove(accept);
        }
        for which in Which::ALL {
            self.fronts.unwatch(which, &process.event_loop);
        }
        let lost = self.clients.iter().filter(|(_, client)| is_cut(client)).map(|(key, _)| key).collect();
        self.reset(lost);
        let end_ms = fosse_eventloop::clock_ms() + LAST_WORDS_MS_MAX;
        let mut events = Events::new();
        while !self.clients.is_empty() && self.context.now_ms < end_ms {
            if process.event_loop.poll_once(&mut events, None).is_err() {
                break;
            }
            self.context.now_ms = process.event_loop.now_ms();
            for event in &events {
                let (kind, key) = Key::of_token(event.token);
                if kind == CLIENT {
                    self.on_client(key, &process.event_loop, event.readable(), event.writable());
                }
            }
        }
    }
}

/// Returns whether something of a client is missing that only its front could give it.
const fn is_cut(client: &Client) -> bool {
    !matches!(client.stage, Stage::Parting)
}
