//! The limits that hold for all lanes together: what this lane has of them, and what it leaves to
//! the others.

use std::rc::Rc;

use fosse_counters::SharesPage;
use fosse_settings::Backend;

use super::{
    Upstream,
    pool::Server,
    servers::Servers,
    share::{Share, Sharers},
    supply::Event,
};
use crate::context::Context;

/// Milliseconds between two looks at whether others have given something back, while requests wait
/// for it. Nobody tells a lane that sleeps.
pub(super) const LOOK_MS: u64 = 10;
/// Milliseconds for which a lane may go on using what others want as well, once it has more than
/// its part of it.
const SLICE_MS: u64 = 50;
/// Milliseconds for which it leaves it to them then: two looks of theirs.
const HOLD_MS: u64 = 2 * LOOK_MS;

impl Server {
    /// Returns the connections that this lane has, or may ask for.
    pub(super) const fn held(&self) -> u32 {
        self.open + self.pending + self.reserved
    }

    /// Says how many connections this lane has to it.
    pub(super) fn say_share(&self) {
        self.share.say(self.held(), self.wants);
    }

    /// Returns the connections that other lanes have.
    pub(super) fn held_by_others(&self) -> u64 {
        self.share.others().has
    }

    /// Takes room for one more connection, where the edge has fewer than it may.
    pub(super) fn reserve(&mut self, backend: &Backend, now_ms: u64) -> bool {
        let held = self.held();
        if held >= backend.connections_max || self.is_held(now_ms) {
            return false;
        }
        // Said first and looked at then: of two lanes that do this at once one sees the other.
        self.share.say(held + 1, self.wants);
        if self.held_by_others() + u64::from(held) >= backend.connections_max.into() {
            self.say_share();
            return false;
        }
        self.reserved += 1;
        true
    }

    /// Gives back the room that no connection was asked for.
    pub(super) fn release_reserved(&mut self) {
        self.reserved = 0;
        self.say_share();
    }

    /// Returns whether this lane has more than its part of the connections, and others wait for
    /// some.
    pub(super) fn owes(&self, backend: &Backend) -> bool {
        let want = self.share.others().want;
        want > 0 && u64::from(self.held()) * (want + 1) > backend.connections_max.into()
    }

    /// Returns whether this lane leaves room to others now.
    pub(super) const fn is_held(&self, now_ms: u64) -> bool {
        self.hold_until_ms > now_ms
    }

    /// Takes no connection for as long as others need to take what this lane gives up now.
    pub(super) const fn hold(&mut self, now_ms: u64) {
        (self.slice_until_ms, self.hold_until_ms) = (0, now_ms + HOLD_MS);
    }

    /// Returns whether a connection that is free now is closed, as other lanes wait for its room
    /// and this one has had more than its part for a while. It takes none then until they had time
    /// to.
    pub(super) fn gives_way(&mut self, backend: &Backend, now_ms: u64) -> bool {
        if !self.owes(backend) {
            self.slice_until_ms = 0;
            return false;
        }
        if self.slice_until_ms == 0 {
            self.slice_until_ms = now_ms + SLICE_MS;
        }
        let is_over = now_ms >= self.slice_until_ms;
        if is_over {
            self.hold(now_ms);
        }
        is_over
    }

    /// Returns whether a connection that nobody needs now is kept: others can have their part then
    /// without waiting for this lane to wake up.
    pub(super) fn may_keep_idle(&self, backend: &Backend, sharers: Sharers) -> bool {
        let idle = u32::try_from(self.idle.len()).unwrap_or(u32::MAX);
        idle < sharers.part(backend.pool_connections_max)
            && (sharers.count == 1
                || self.held() <= sharers.even_part(backend.connections_max) && self.share.others().want == 0)
    }

    /// Returns whether other lanes want room that an idle connection of this one takes.
    fn idle_is_wanted(&self) -> bool {
        !self.idle.is_empty() && self.share.others().want > 0
    }
}

impl Servers {
    /// Shares the limits with other lanes from now on.
    pub(super) fn share(&mut self, page: Rc<SharesPage>) {
        for server in &mut self.all {
            let backend = &self.backends[server.backend].name;
            server.share = Share::of(&page, &format!("connections {backend} {}", server.name));
        }
        for (budget, backend) in self.budgets.iter_mut().zip(&self.backends) {
            budget.share = Share::of(&page, &format!("retries {}", backend.name));
        }
        self.page = Some(page);
        self.count_sharers();
    }

    /// Takes room for one more connection to a server, where the edge has fewer than it may.
    pub(super) fn reserve(&mut self, at: usize, now_ms: u64) -> bool {
        let sharers = self.sharers;
        let (server, backend) = self.with_backend(at);
        let has = server.reserve(backend, now_ms);
        let has_much = has && server.has_much(backend, sharers);
        self.have_much |= has_much;
        has
    }

    /// Counts the lanes that share the limits.
    fn count_sharers(&mut self) {
        self.sharers = self
            .page
            .as_ref()
            .map_or_else(Sharers::default, |page| Sharers { count: page.sharers(), rank: page.rank() });
        self.look_at_own();
    }

    /// Says of each server of a backend whether requests wait for room.
    pub(super) fn say_wants(&mut self, backend: usize) {
        let wants = !self.queues[backend].is_empty();
        for at in self.of(backend) {
            self.all[at].wants = wants;
            self.all[at].say_share();
        }
    }

    /// Returns whether requests wait for what other lanes may give back.
    fn waits_for_others(&self) -> bool {
        self.sharers.count > 1 && self.queues.iter().any(|queue| !queue.is_empty())
    }
}

impl Upstream {
    /// Returns the milliseconds until the next look at what others have given back, where there is
    /// one.
    pub(super) fn wait_for_others_ms(&self, now_ms: u64) -> Option<u64> {
        let looks = self.next_look_ms.into_iter().chain(self.next_leave_ms.filter(|_| self.leaves_soon));
        looks.map(|at_ms| at_ms.max(now_ms) - now_ms).min()
    }

    /// Notes that a request waits for room that another lane may leave.
    pub(super) fn look_again(&mut self, now_ms: u64) {
        if self.next_look_ms.is_none() && self.servers.waits_for_others() {
            self.next_look_ms = Some(now_ms + LOOK_MS);
        }
    }

    /// Gives what other lanes have left to requests that wait, where it is time to look. Returns
    /// the news for streams in a queue.
    pub(crate) fn look_at_others(&mut self, context: &Context<'_>) -> Vec<Event> {
        if self.next_look_ms.is_none_or(|at_ms| at_ms > context.now_ms()) {
            return Vec::new();
        }
        self.next_look_ms = None;
        let news = self.use_all_room(context);
        self.look_again(context.now_ms());
        news
    }

    /// Gives room to all who wait for it, and says what is still wanted.
    pub(super) fn use_all_room(&mut self, context: &Context<'_>) -> Vec<Event> {
        (0..self.servers.len()).for_each(|at| self.use_room(at, context));
        let news = self.use_idle(context);
        self.servers.say_all_wants();
        news
    }

    /// Looks at who shares the limits, and closes idle connections whose room others want.
    pub(super) fn leave_to_others(&mut self, context: &Context<'_>) {
        self.servers.count_sharers();
        self.servers.say_retries(context.now_ms());
        for at in 0..self.servers.len() {
            while self.servers[at].idle_is_wanted()
                && let Some(key) = self.servers[at].idle.first().copied()
            {
                self.close(key, context);
            }
        }
    }
}

impl Servers {
    fn say_all_wants(&mut self) {
        if self.page.is_some() {
            (0..self.queues.len()).for_each(|backend| self.say_wants(backend));
        }
    }

    /// Says how many retries of late each backend has in this lane.
    fn say_retries(&mut self, now_ms: u64) {
        if self.page.is_some() {
            self.budgets.iter_mut().for_each(|budget| budget.say_share(now_ms));
        }
    }
}

impl super::budget::RetryBudget {
    /// Says how many retries this lane has of late.
    pub(super) fn say_share(&mut self, now_ms: u64) {
        let retries = self.retries(now_ms);
        self.share.say(u32::try_from(retries).unwrap_or(u32::MAX), false);
    }

    /// Returns the retries of late of all lanes.
    pub(super) fn retries_of_all(&mut self, now_ms: u64) -> u64 {
        self.retries(now_ms) + self.share.others().has
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use fosse_counters::SHARES_PAGE_BYTES;
    use fosse_sys::page::Page;

    use super::*;
    use crate::upstream::budget::{Permit, RetryBudget};

    fn lane(fd: &OwnedFd, column: u16) -> Server {
        let page = Rc::new(SharesPage::of(Page::map(fd).unwrap(), column).unwrap());
        Server { share: Share::of(&page, "a"), ..Server::default() }
    }

    fn page() -> OwnedFd {
        fosse_sys::memfd::page("test", SHARES_PAGE_BYTES).unwrap()
    }

    #[test]
    fn lanes_have_no_more_connections_together_than_one_may_have() {
        let (fd, backend) = (page(), Backend { connections_max: 3, ..Backend::default() });
        let (mut one, mut other) = (lane(&fd, 0), lane(&fd, 1));
        let connect = |server: &mut Server| {
            let has = server.reserve(&backend, 0);
            (server.open, server.reserved) = (server.open + server.reserved, 0);
            has
        };
        assert!(connect(&mut one) && connect(&mut other) && connect(&mut one));
        assert!(!connect(&mut one) && !connect(&mut other));
        assert!(!other.has_room(&backend) && !one.has_room(&backend));
        one.open -= 1;
        one.say_share();
        assert!(other.has_room(&backend) && connect(&mut other) && !one.has_room(&backend));
    }

    #[test]
    fn a_lane_that_has_all_leaves_some_to_one_that_waits_but_not_at_once() {
        let (fd, backend) = (page(), Backend { connections_max: 2, pool_connections_max: 9, ..Backend::default() });
        let (mut one, mut other) = (lane(&fd, 0), lane(&fd, 1));
        one.open = 2;
        one.say_share();
        assert!(!one.gives_way(&backend, 1000), "nobody wants any");
        other.wants = true;
        other.say_share();
        assert_eq!([1000, 1049, 1050].map(|now_ms| one.gives_way(&backend, now_ms)), [false, false, true]);
        one.open = 1;
        one.say_share();
        assert!(!one.reserve(&backend, 1060), "it is left to the others");
        assert!(other.reserve(&backend, 1060) && !one.gives_way(&backend, 1060), "each has its part");
        assert!(!one.may_keep_idle(&backend, Sharers { count: 2, rank: 0 }), "while others wait");
    }

    #[test]
    fn the_least_of_a_retry_budget_is_one_for_all_lanes_and_the_share_each_lane_s_own() {
        let (fd, backend) = (page(), Backend { retry_budget_percent: 20, retry_budget_min: 3, ..Backend::default() });
        let budget = |column| {
            let page = Rc::new(SharesPage::of(Page::map(&fd).unwrap(), column).unwrap());
            let mut budget = RetryBudget::default();
            budget.share = Share::of(&page, "a");
            budget
        };
        let (mut one, mut other) = (budget(0), budget(1));
        let takes = |budget: &mut RetryBudget, now_ms| budget.take(&backend, now_ms) == Permit::Granted;
        assert!(takes(&mut one, 0) && takes(&mut other, 0) && takes(&mut one, 0));
        assert!(!takes(&mut one, 0) && !takes(&mut other, 0));
        (0..20).for_each(|_| other.count_request(0));
        assert!([true, true, true, false].into_iter().all(|room| takes(&mut other, 0) == room), "a fifth of twenty");
        one.say_share(60_000);
        other.say_share(60_000);
        assert!(takes(&mut other, 60_000), "what is long ago counts nowhere");
    }

    #[test]
    fn what_is_idle_leaves_each_other_lane_its_part() {
        let backend = Backend { connections_max: 5, pool_connections_max: 9, ..Backend::default() };
        let kept = |open, count| {
            let server = Server { open, ..Server::default() };
            server.may_keep_idle(&backend, Sharers { count, rank: 0 })
        };
        assert!(kept(2, 2) && !kept(3, 2) && kept(5, 1) && !kept(1, 6));
    }
}
