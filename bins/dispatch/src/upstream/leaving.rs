//! Connections that stand still, left to those who wait for them: in this lane, or in others where
//! this one has more than its part.

use fosse_settings::Backend;

use super::{Upstream, pool::Server, servers::Servers, share::Sharers, shares::LOOK_MS};
use crate::context::Context;

/// Those who get the room of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassedTo {
    /// The queue of its backend in this lane.
    Queue,
    /// Other lanes.
    Others,
}

impl Server {
    /// Returns whether this lane has more than what each lane can have.
    pub(super) const fn has_much(&self, backend: &Backend, sharers: Sharers) -> bool {
        sharers.is_many() && self.held() > sharers.even_part(backend.connections_max)
    }
}

impl Servers {
    /// Returns whether the room of a connection to a server that ends is this lane's, and a request
    /// in its queue may have it.
    pub(crate) fn may_pass_on(&self, at: usize, now_ms: u64) -> bool {
        let (server, backend) = (&self.all[at], &self.backends[self.all[at].backend]);
        let is_within = server.held_by_others() + u64::from(server.held()) <= backend.connections_max.into();
        is_within && server.idle.is_empty() && self.may_take_queued(at, now_ms)
    }

    /// Returns the servers of which this lane has more connections than its part while others wait
    /// for some, and has left none to them just now.
    pub(crate) fn owed(&self, now_ms: u64) -> Vec<usize> {
        let owes = |server: &Server| !server.is_held(now_ms) && server.owes(&self.backends[server.backend]);
        (0..self.all.len()).filter(|at| owes(&self.all[*at])).collect()
    }

    /// Returns whether a connection waits for the client that it is pinned to.
    pub(crate) fn have_pinned(&self) -> bool {
        self.all.iter().any(|server| server.pinned_idle > 0)
    }

    /// Looks whether this lane has more of any server than each lane can have.
    pub(super) fn look_at_own(&mut self) {
        let has_much = |server: &Server| server.has_much(&self.backends[server.backend], self.sharers);
        self.have_much = self.all.iter().any(has_much);
    }
}

impl Upstream {
    /// Returns whether it is time to look who waits for connections that stand still, as this lane
    /// has more of some server than each lane can have.
    pub(crate) fn may_owe(&mut self, now_ms: u64) -> bool {
        if !self.servers.have_much {
            self.next_leave_ms = None;
            return false;
        }
        // What stands still from now on is looked at then, though nothing else happens.
        self.leaves_soon = true;
        self.next_leave_ms.is_none_or(|at_ms| at_ms <= now_ms)
    }

    /// Notes that it has looked; nobody has to wake up for the next time where nothing stands
    /// still.
    pub(crate) fn has_looked(&mut self, stands_still: bool, now_ms: u64) {
        self.servers.look_at_own();
        (self.next_leave_ms, self.leaves_soon) = (Some(now_ms + LOOK_MS), stands_still);
    }

    /// Leaves the room of a pinned connection that waits for its client to others. Returns false
    /// where there is none.
    pub(crate) fn leave_pinned(&mut self, at: usize, context: &Context<'_>) -> bool {
        let leaves = self.evict_pinned(at, context);
        if leaves {
            self.pass_on(at, PassedTo::Others, context.now_ms());
        }
        leaves
    }

    /// Keeps the room of a connection that is about to end for the requests that wait in this lane,
    /// or leaves it to those of others.
    pub(crate) fn pass_on(&mut self, at: usize, to: PassedTo, now_ms: u64) {
        match to {
            PassedTo::Queue => self.servers[at].reserved += 1,
            PassedTo::Others => self.servers[at].hold(now_ms),
        }
    }
}
