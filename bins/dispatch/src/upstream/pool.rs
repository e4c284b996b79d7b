//! The servers of the backends: their state and their connections.

use std::collections::VecDeque;

use fosse_counters::{Counters, HealthReader, SERVERS_SHOWN_MAX, Server as Shown, ServerState};
use fosse_eventloop::slab::Key;
use fosse_settings::Backend;
use fosse_wire::StreamId;

use super::{checked::Checked, named::Named, share::Share};
use fosse_deadlines::after;

/// One server as this lane sees it.
#[derive(Debug, Default)]
pub(crate) struct Server {
    /// Name in logs.
    pub(crate) name: String,
    /// Index of its backend.
    pub(crate) backend: usize,
    /// Its number in connect's table.
    pub(crate) number: u32,
    /// The number by which it is known outside.
    pub(crate) id: u64,
    /// Its place among the servers of its backend.
    pub(crate) place: u32,
    /// Its part of the requests beside the weights of the others; with 0 it gets none.
    pub(crate) weight: u32,
    /// That of the configuration.
    pub(super) own_weight: u32,
    /// It gets no requests but those of clients that belong to it.
    pub(super) drained: bool,
    /// It gets requests only where no other server may have them.
    pub(crate) backup: bool,
    /// TLS is spoken with it.
    pub(super) tls: bool,
    /// Idle connections, the last used one last.
    pub(crate) idle: Vec<Key>,
    /// Pinned connections between requests of their client.
    pub(crate) pinned_idle: u32,
    /// Connections open, idle or not.
    pub(crate) open: u32,
    /// Connections requested of connect, without a reply yet.
    pub(crate) pending: u32,
    /// Streams that wait for one of these connections, the oldest first.
    pub(crate) waiting: VecDeque<StreamId>,
    /// Requests under way.
    pub(crate) busy: u32,
    /// Failures of requests in a row.
    pub(crate) fails: u32,
    /// Time until which it is out after failures of requests, in milliseconds; 0 for up. Once that
    /// time is over one request goes first.
    pub(crate) down_until_ms: u64,
    /// Time until which that request may be under way.
    pub(super) probe_until_ms: u64,
    /// Time until which its share of requests grows, after it was out; 0 for a whole share.
    pub(super) slow_until_ms: u64,
    /// Its lead over the other servers in smooth weighted round robin, in thousandths of a weight.
    pub(super) lead: i64,
    /// The results of its checks, where it is checked. Requests count for nothing there, and checks
    /// for nothing above.
    pub(crate) checked: Option<Checked>,
    /// The address that its name stands for, where it has a name.
    pub(super) named: Option<Named>,
    /// The connections that all lanes have to it.
    pub(super) share: Share,
    /// Connections that there is room for, and that are not requested yet.
    pub(super) reserved: u32,
    /// Requests of this lane wait for room.
    pub(super) wants: bool,
    /// Time until which this lane goes on using what others want too; 0 while it has no such time.
    pub(super) slice_until_ms: u64,
    /// Time until which it leaves room to others.
    pub(super) hold_until_ms: u64,
}

impl Server {
    /// Returns whether it may be given requests.
    pub(crate) const fn is_up(&self, now_ms: u64) -> bool {
        !self.is_unhealthy() && self.has_address() && self.down_until_ms <= now_ms && self.probe_until_ms <= now_ms
    }

    /// Returns whether it may be given requests of anybody.
    pub(super) const fn takes_new(&self, now_ms: u64) -> bool {
        self.weight > 0 && !self.drained && self.is_up(now_ms)
    }

    /// Returns whether it may be tried where no server is up.
    pub(super) const fn is_last_resort(&self) -> bool {
        self.weight > 0 && !self.drained && !self.is_unhealthy() && self.has_address()
    }

    /// Returns whether there is an address to connect to.
    pub(super) const fn has_address(&self) -> bool {
        !matches!(self.named, Some(Named { address: None, .. }))
    }

    /// Returns whether it may have an address soon: nobody has said yet what its name stands for.
    pub(super) const fn awaits_address(&self) -> bool {
        self.weight > 0 && !self.drained && matches!(self.named, Some(Named { address: None, decided: false, .. }))
    }

    /// Returns the edition of its address; one without a name has one for ever.
    pub(crate) fn edition(&self) -> u64 {
        self.named.as_ref().map_or(0, |named| named.edition)
    }

    /// Notes that it is another machine from now on, of which nothing is known by requests.
    pub(super) const fn is_another(&mut self) {
        (self.fails, self.down_until_ms, self.probe_until_ms) = (0, 0, 0);
    }

    /// Returns whether its checks say that it is out: only passing checks bring it back.
    pub(crate) const fn is_unhealthy(&self) -> bool {
        matches!(self.checked, Some(Checked { unhealthy: true, .. }))
    }

    /// Notes that it is given a request. Where its time out has just passed that is the one that
    /// goes first; the others wait for what becomes of it, but not for ever.
    pub(super) const fn given(&mut self, backend: &Backend, now_ms: u64) {
        if self.down_until_ms != 0 && self.down_until_ms <= now_ms {
            self.probe_until_ms = after(after(now_ms, backend.connect_seconds), backend.first_byte_seconds);
        }
    }

    /// Notes that a request of it ended without a word on the server, as its client is gone: if it
    /// was the one that goes first, another one does.
    pub(super) const fn probe_lost(&mut self) {
        self.probe_until_ms = 0;
    }

    /// Counts a request or a connect that failed. Returns true where this takes the server out.
    pub(crate) fn failed(&mut self, backend: &Backend, now_ms: u64) -> bool {
        // A server that fails fast for hours reaches the top of the count, and the lane goes on.
        self.fails = self.fails.saturating_add(1);
        let out = self.fails >= backend.failures_max.max(1) && self.down_until_ms <= now_ms;
        if out {
            self.down_until_ms = after(now_ms, backend.rest_seconds);
            self.probe_until_ms = 0;
        }
        out
    }

    /// Counts a request that went well.
    pub(crate) const fn worked(&mut self, backend: &Backend, now_ms: u64) {
        self.fails = 0;
        if self.down_until_ms != 0 {
            self.down_until_ms = 0;
            self.probe_until_ms = 0;
            self.start_slowly(backend, now_ms);
        }
    }

    /// Counts a good check: where its time out has passed it is as good as a request.
    const fn check_passed(&mut self, backend: &Backend, now_ms: u64) {
        if self.down_until_ms != 0 && self.down_until_ms <= now_ms {
            self.worked(backend, now_ms);
        }
    }

    /// Begins with a small share of the requests.
    pub(super) const fn start_slowly(&mut self, backend: &Backend, now_ms: u64) {
        self.slow_until_ms = after(now_ms, backend.slow_start_seconds);
        self.lead = 0;
    }

    /// Takes over the state that somebody has given it. One that was drained has probably been
    /// started again, and begins with a small share.
    pub(super) fn set_state(&mut self, backend: &Backend, state: ServerState, now_ms: u64) {
        let is_back = self.drained && !state.drained;
        self.drained = state.drained;
        self.weight = state.weight.map_or(self.own_weight, u32::from);
        self.lead = 0;
        if is_back {
            self.start_slowly(backend, now_ms);
        }
    }

    /// Returns its weight in thousandths, less where its share still grows.
    pub(super) fn share(&self, backend: &Backend, now_ms: u64) -> u32 {
        if self.slow_until_ms <= now_ms {
            return self.weight * SHARE_WHOLE;
        }
        let all_ms = after(0, backend.slow_start_seconds).max(1);
        let left_ms = (self.slow_until_ms - now_ms).min(all_ms);
        // A part of the whole, as no more is left than all.
        let missing = u32::try_from(left_ms * u64::from(SHARE_WHOLE) / all_ms).unwrap_or(SHARE_WHOLE);
        self.weight * (SHARE_WHOLE - missing).max(SHARE_MIN)
    }

    /// Takes over what another lane knew by requests: where it was out, it is out here, for its
    /// whole time. What checks have found out is in their own page.
    pub(super) fn inherit(&mut self, backend: &Backend, known: &[Shown], now_ms: u64) {
        let address = self.named.as_ref().and_then(|named| named.address);
        let mut same = known.iter().filter(|s| s.is_named(&self.name) && s.address == address).peekable();
        // One that two backends have may be out for one of them alone.
        if same.peek().is_some() && same.all(|server| !server.up && !server.unhealthy) {
            self.fails = backend.failures_max;
            self.down_until_ms = after(now_ms, backend.rest_seconds);
        }
    }

    /// Looks at what its checks have found out since the last look.
    pub(super) fn read_health(&mut self, backend: &Backend, health: &HealthReader, now_ms: u64) {
        let Some(checked) = &mut self.checked else { return };
        let was_unhealthy = checked.unhealthy;
        let passed = checked.look(health);
        let is_back = was_unhealthy && !checked.unhealthy;
        if passed {
            self.check_passed(backend, now_ms);
        }
        if is_back {
            self.start_slowly(backend, now_ms);
        }
    }

    /// Writes it to the counter page, as number `at`.
    pub(super) fn show(&self, at: usize, counters: &Counters, now_ms: u64) {
        if at < SERVERS_SHOWN_MAX {
            let (name, up, unhealthy) = (self.name.clone(), self.is_up(now_ms), self.is_unhealthy());
            let backend = u32::try_from(self.backend).unwrap_or(u32::MAX);
            let Self { weight, backup, drained, fails, open, busy, .. } = *self;
            let address = self.named.as_ref().and_then(|named| named.address);
            let absent = !self.has_address();
            let shown =
                Shown { name, backend, weight, backup, drained, up, unhealthy, fails, open, busy, address, absent };
            counters.set_server(at, &shown);
        }
    }

    /// Returns whether a connection is on its way, or there is room for one, that nobody waits for.
    pub(super) fn awaits_one(&self) -> bool {
        self.pending + self.reserved > self.waiting_len()
    }

    /// Returns whether one more request could have a connection: an idle one, a new one, or one
    /// that is pinned and makes room.
    pub(super) fn has_room(&self, backend: &Backend) -> bool {
        let idle = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        let used = self.open - idle - self.pinned_idle + self.waiting_len();
        // One that is idle here is room, whatever the others have.
        used < backend.connections_max
            && (idle > self.waiting_len() || self.held_by_others() + u64::from(used) < backend.connections_max.into())
    }

    /// Returns the number of requests that it has, or that wait for a connection to it, with one
    /// more, against its share.
    pub(super) fn load(&self, backend: &Backend, now_ms: u64) -> u64 {
        const SCALE: u64 = 1 << 24;
        u64::from(self.busy + self.waiting_len() + 1) * SCALE / u64::from(self.share(backend, now_ms).max(1))
    }

    fn waiting_len(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }
}

/// Thousandths of a whole weight.
const SHARE_WHOLE: u32 = 1000;
/// Those with which a server begins that was out.
const SHARE_MIN: u32 = 50;
