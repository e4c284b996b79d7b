//! The servers that are checked: when each is due, and what its checks have found out.

use core::time::Duration;

use fosse_counters::{Health, HealthPage};
use fosse_die::{info, warning};
use fosse_settings::{Check, CheckedServer, Prober as Settings};

use crate::{PROGRAM, response::Fault};

/// One server.
#[derive(Debug)]
struct Server {
    settings: CheckedServer,
    /// Its place in the page; `None` where there is none left, which fosse-config prevents.
    place: Option<usize>,
    health: Health,
    /// Time at which the next check is due, in milliseconds.
    due_ms: u64,
    /// One is under way.
    under_way: bool,
}

/// All servers, and the page that shows them.
#[derive(Debug)]
pub(crate) struct Servers {
    checks: Vec<Check>,
    all: Vec<Server>,
    page: HealthPage,
}

impl Servers {
    /// Goes on with what the page knows of the servers.
    pub(crate) fn new(settings: Settings, page: HealthPage, now_ms: u64) -> Self {
        let numbers: Vec<u64> = settings.servers.iter().map(|server| server.health_number).collect();
        let places = page.claim(&numbers);
        let of = |(server, place): (CheckedServer, Option<usize>)| {
            let health = place.map(|place| page.get(place)).unwrap_or_default();
            let interval_ms = milliseconds(settings.checks[index(server.check)].interval_seconds);
            let due_ms = first_due_ms(health.begun_ms, server.health_number, interval_ms, now_ms);
            Server { settings: server, place, health, due_ms, under_way: false }
        };
        let all = settings.servers.into_iter().zip(places).map(of).collect();
        Self { checks: settings.checks, all, page }
    }

    /// Returns the number of servers, and how many of them are out.
    pub(crate) fn numbers(&self) -> (usize, usize) {
        (self.all.len(), self.all.iter().filter(|server| server.health.unhealthy).count())
    }

    /// Returns the servers whose next check is due, each with the number of its address.
    pub(crate) fn due(&self, now_ms: u64) -> Vec<(usize, u32)> {
        let due = self.all.iter().enumerate().filter(|(_, server)| !server.under_way && server.due_ms <= now_ms);
        due.map(|(at, server)| (at, server.settings.address)).collect()
    }

    /// Notes that a check of a server begins.
    pub(crate) fn begin(&mut self, at: usize, now_ms: u64) {
        let server = &mut self.all[at];
        server.under_way = true;
        server.due_ms = now_ms.saturating_add(milliseconds(self.checks[index(server.settings.check)].interval_seconds));
        server.health.begun_ms = now_ms;
        server.show(&self.page);
    }

    /// Returns the check of a server.
    pub(crate) fn check(&self, at: usize) -> &Check {
        &self.checks[index(self.all[at].settings.check)]
    }

    /// Notes that a check could not be made.
    pub(crate) fn put_off(&mut self, at: usize) {
        self.all[at].under_way = false;
    }

    /// Counts the result of a check, shows it, and logs where it takes the server out or brings it
    /// back.
    pub(crate) fn ended(&mut self, at: usize, result: Result<(), Fault>) {
        let server = &mut self.all[at];
        server.under_way = false;
        let was_out = server.health.unhealthy;
        count(&mut server.health, &self.checks[index(server.settings.check)], result.is_ok());
        server.show(&self.page);
        let name = &server.settings.name;
        match result {
            Err(why) if !was_out && server.health.unhealthy => {
                warning(PROGRAM, format_args!("event=health server={name} state=down why=\"{why}\""));
            }
            Ok(()) if was_out && !server.health.unhealthy => {
                info(PROGRAM, format_args!("event=health server={name} state=up"));
            }
            _ => {}
        }
    }
}

impl Server {
    fn show(&self, page: &HealthPage) {
        if let Some(place) = self.place {
            page.set(place, &self.health);
        }
    }
}

/// Counts the result of a check.
fn count(health: &mut Health, check: &Check, good: bool) {
    if good {
        health.fails = 0;
        // An edge that runs for a century reaches the top of the count, and goes on.
        health.passes = health.passes.saturating_add(1);
        health.good = health.good.wrapping_add(1);
    } else {
        health.passes = 0;
        health.fails = health.fails.saturating_add(1);
    }
    if health.passes >= check.passes_min.max(1) {
        (health.decided, health.unhealthy) = (true, false);
    } else if health.fails >= check.failures_max.max(1) {
        (health.decided, health.unhealthy) = (true, true);
    }
}

/// Returns the time of a server's first check: an interval after the last one of who was here
/// before, else some time within one, so that not all servers are asked at once.
fn first_due_ms(begun_ms: u64, number: u64, interval_ms: u64, now_ms: u64) -> u64 {
    let wait_ms = match begun_ms {
        0 => number % interval_ms.max(1),
        // The page is only as good as who wrote it: no time in it puts a check off for ever.
        begun_ms => begun_ms.saturating_add(interval_ms).saturating_sub(now_ms).min(interval_ms),
    };
    now_ms.saturating_add(wait_ms)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_in_a_row_decide() {
        let check = Check { passes_min: 2, failures_max: 3, ..Check::default() };
        let mut health = Health::default();
        let mut after = |results: &[bool]| {
            results.iter().for_each(|good| count(&mut health, &check, *good));
            (health.decided, health.unhealthy)
        };
        assert_eq!(after(&[false, false, true, false, false]), (false, false));
        assert_eq!(after(&[false]), (true, true));
        assert_eq!(after(&[true, false, true]), (true, true));
        assert_eq!(after(&[true]), (true, false));
        assert_eq!((health.good, health.passes, health.fails), (4, 2, 0));
    }

    #[test]
    fn who_comes_next_keeps_to_the_interval_of_who_was_there_before() {
        assert_eq!(first_due_ms(10_000, 7, 5_000, 12_000), 15_000);
        assert_eq!(first_due_ms(10_000, 7, 5_000, 99_000), 99_000);
        // Before the first check, servers are spread over an interval.
        assert_eq!((first_due_ms(0, 1, 5_000, 0), first_due_ms(0, 7_001, 5_000, 0)), (1, 2_001));
        // A page that lies puts no check off for ever.
        assert_eq!(first_due_ms(u64::MAX, 7, 5_000, 12_000), 17_000);
    }
}
