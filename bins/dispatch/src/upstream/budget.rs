//! The retries of a backend: a share of its requests. When all of its servers fail, each of its
//! requests would otherwise reach as many of them as it may, and a backend that has too much to do
//! gets a multiple of that.

use fosse_settings::Backend;

use super::share::Share;

/// Time that is counted together, in milliseconds; this one and the one before are looked at.
const PERIOD_MS: u64 = 5000;

/// Requests of a backend, and those of them that have reached a further server, in the last five to
/// ten seconds.
#[derive(Debug, Default)]
pub(super) struct RetryBudget {
    /// The number of the period that is counted now.
    period: u64,
    /// That period, and the one before.
    counts: [Counts; 2],
    /// Requests have been refused a further server since one got it.
    used_up: bool,
    /// The retries that all lanes have.
    pub(super) share: Share,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u32,
    retries: u32,
}

/// The word of a budget on one more retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// There is room for it.
    Granted,
    /// There is none any more.
    UsedUp,
    /// There is none, as was said before.
    StillUsedUp,
}

impl RetryBudget {
    /// Counts a request.
    pub(super) fn count_request(&mut self, now_ms: u64) {
        self.now(now_ms).requests += 1;
    }

    /// Returns whether there is room for one more retry.
    pub(super) fn has_room(&mut self, backend: &Backend, now_ms: u64) -> bool {
        let retries = self.retries(now_ms);
        let [now, before] = self.counts;
        let requests = u64::from(now.requests) + u64::from(before.requests);
        // The shares of all lanes add up to that of the edge; the least is one for all of them.
        retries < requests * u64::from(backend.retry_budget_percent) / 100
            || self.retries_of_all(now_ms) < backend.retry_budget_min.into()
    }

    /// Returns the retries of this time.
    pub(super) fn retries(&mut self, now_ms: u64) -> u64 {
        self.now(now_ms);
        self.counts.iter().map(|counts| u64::from(counts.retries)).sum()
    }

    /// Takes a retry out of it, where there is room for one.
    pub(super) fn take(&mut self, backend: &Backend, now_ms: u64) -> Permit {
        if self.has_room(backend, now_ms) {
            self.used_up = false;
            self.now(now_ms).retries += 1;
            self.say_share(now_ms);
            return Permit::Granted;
        }
        if std::mem::replace(&mut self.used_up, true) { Permit::StillUsedUp } else { Permit::UsedUp }
    }

    /// Returns the counts of this time, after those that are too old are gone.
    fn now(&mut self, now_ms: u64) -> &mut Counts {
        let period = now_ms / PERIOD_MS;
        if period != self.period {
            let before = if period == self.period + 1 { self.counts[0] } else { Counts::default() };
            self.counts = [Counts::default(), before];
            self.period = period;
        }
        &mut self.counts[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(percent: u32, min: u32) -> Backend {
        Backend { retry_budget_percent: percent, retry_budget_min: min, ..Backend::default() }
    }

    /// Takes what there is, and one more.
    fn taken(budget: &mut RetryBudget, backend: &Backend, now_ms: u64) -> usize {
        (0..).take_while(|_| budget.take(backend, now_ms) == Permit::Granted).count()
    }

    #[test]
    fn a_share_of_the_requests_or_the_least_may_be_retried() {
        for (requests, percent, min, expected) in
            [(1000, 20, 10, 200), (1000, 20, 300, 300), (10, 20, 0, 2), (4, 20, 0, 0), (0, 100, 3, 3), (50, 0, 0, 0)]
        {
            let (backend, mut budget) = (backend(percent, min), RetryBudget::default());
            (0..requests).for_each(|_| budget.count_request(1_000_000));
            assert_eq!(taken(&mut budget, &backend, 1_000_000), expected, "{requests} {percent} {min}");
        }
    }

    #[test]
    fn what_is_older_than_ten_seconds_counts_no_more() {
        let (backend, mut budget) = (backend(20, 1), RetryBudget::default());
        (0..100).for_each(|_| budget.count_request(10_000));
        assert_eq!(taken(&mut budget, &backend, 14_999), 20);
        assert_eq!(taken(&mut budget, &backend, 19_999), 0, "the requests and their retries are both known");
        assert_eq!(taken(&mut budget, &backend, 20_000), 1, "neither is");
        assert_eq!(taken(&mut budget, &backend, u64::MAX), 1, "after a long time as well");
    }

    #[test]
    fn that_it_is_used_up_is_said_once_until_it_is_not() {
        let (backend, mut budget) = (backend(0, 1), RetryBudget::default());
        let mut take = |now_ms| budget.take(&backend, now_ms);
        assert_eq!([take(0), take(0), take(0)], [Permit::Granted, Permit::UsedUp, Permit::StillUsedUp]);
        assert_eq!([take(10_000), take(10_000)], [Permit::Granted, Permit::UsedUp]);
    }
}
