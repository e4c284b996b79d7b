//! Processes of every kind are killed and stopped at random under load, and the configuration
//! changes meanwhile, until a number of requests was made. A request may fail where it was under
//! way when a program on its path died; every other response is right, to its last byte.

use std::{
    collections::BTreeMap,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use fosse_harness::{Edge, Process, is_alive, wait_for};
use rustix::process::Signal;

use super::{Extent, Pace, integrity};
use crate::{
    client::{Outcome, wait_served},
    inventory::Inventory,
    load::{Failure, Habits, Load},
    random::Random,
    report::Report,
    site::{Plain, Setup},
};

/// The programs. start is not among them: everything ends with it, which is another scenario.
const PROGRAMS: [Program; 10] = [
    Program { name: "accept", costs: true, stops: true },
    Program { name: "parse", costs: true, stops: true },
    Program { name: "waf-filter", costs: true, stops: true },
    Program { name: "dispatch", costs: true, stops: true },
    Program { name: "connect", costs: true, stops: true },
    Program { name: "log", costs: false, stops: true },
    Program { name: "status", costs: false, stops: true },
    Program { name: "prober", costs: false, stops: true },
    Program { name: "store", costs: false, stops: true },
    // It may wait for a disk for two minutes.
    Program { name: "spool", costs: false, stops: false },
];

/// What is known of a program.
#[derive(Debug)]
struct Program {
    name: &'static str,
    /// A request that is under way may fail with it.
    costs: bool,
    /// start replaces one that stands still, after some seconds.
    stops: bool,
}

/// Time between two deeds.
const EVERY: Duration = Duration::from_millis(200);
/// The same in a run that lasts: what is done to the edge should not cost more than the requests.
const EVERY_LONG: Duration = Duration::from_secs(1);
/// Requests from which on a run lasts.
const LONG_REQUESTS: u64 = 1_000_000;
/// Reloads in a hundred deeds.
const RELOAD_PERCENT: u64 = 12;
/// Time between two reloads: with a fourth generation the oldest is cut off, whatever it is at.
const RELOADS_APART: Duration = Duration::from_secs(3);
/// Reloads in a hundred in which the program that makes the configuration is killed.
const FAILED_RELOAD_PERCENT: u64 = 30;
/// Processes that are stopped in a hundred, in place of being killed.
const STOP_PERCENT: u64 = 2;
/// Time after a death in which its lane still takes requests: it has not run since.
const NOTICED_WITHIN: Duration = Duration::from_millis(50);
/// Failures that are shown, and deeds before each.
const SHOWN_MAX: usize = 10;
const NEAR_MAX: usize = 6;

/// A process that was killed or stopped.
#[derive(Debug)]
struct Death {
    program: &'static str,
    costs: bool,
    signalled: Instant,
    /// When nothing of it was left, and its lane must have noticed.
    gone: Instant,
}

/// What was done to the edge.
#[derive(Debug, Default)]
struct Deeds {
    deaths: Vec<Death>,
    stopped: u64,
    reloads: Vec<Instant>,
}

/// Runs until the number of requests or the time is reached.
///
/// # Panics
/// Where a response is wrong, a request came twice to the backend, or the edge breaks.
#[must_use]
pub fn run(extent: Extent) -> Report {
    let health = "[backend.health]\npath = \"/health\"\ninterval_seconds = 1\n";
    let mut setup = Setup { backend: health.into(), plain: Plain::Counted, ..Setup::default() };
    let edge = setup.start();
    let backends = ["a", "b"].map(|name| extent.backend(&edge, name));
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let habits = Habits { seed: extent.seed, requests_max: extent.requests_max, reopens: true, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut random, mut deeds, begun) = (Random::new(extent.seed), Deeds::default(), Instant::now());
    let lasts = (LONG_REQUESTS..u64::MAX).contains(&extent.requests_max);
    let mut pace = Pace::new(if lasts { EVERY_LONG } else { EVERY });
    while begun.elapsed() < extent.time && !load.is_done() {
        deeds.do_one(&edge, &mut setup, &mut random);
        pace.wait();
    }
    let tally = load.end();
    let took = begun.elapsed();
    assert_eq!(tally.wrong(), Vec::<String>::new());
    backends.iter().for_each(|backend| assert_eq!(backend.findings(), Vec::<String>::new()));
    assert_eq!(edge.alarms(), Vec::<String>::new());
    wait_served(&edge);
    let after = integrity::rest(&edge, &before);
    let mut report = Report::default();
    report.row("load", tally.line());
    report.row("requests/s", tally.sent.load(Relaxed) / took.as_secs().max(1));
    deeds.write_down(&tally.failures(), &mut report);
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    edge.stop();
    report
}

impl Deeds {
    fn do_one(&mut self, edge: &Edge, setup: &mut Setup, random: &mut Random) {
        let is_due = self.reloads.last().is_none_or(|last| last.elapsed() >= RELOADS_APART);
        if is_due && random.percent(RELOAD_PERCENT) {
            setup.change_routes();
            edge.begin_reload(&setup.configuration());
            self.reloads.push(Instant::now());
            if random.percent(FAILED_RELOAD_PERCENT) {
                self.end_compiler(edge, random);
            }
            return;
        }
        let Program { name, costs, stops } = *random.pick(&PROGRAMS);
        let all = edge.children_of(name);
        if all.is_empty() {
            return;
        }
        let stops = stops && random.percent(STOP_PERCENT);
        self.end(random.pick(&all), name, costs, stops);
    }

    /// Kills what makes the new configuration, if it is met at work: the old one serves on.
    fn end_compiler(&mut self, edge: &Edge, random: &mut Random) {
        let (name, begun) = (*random.pick(&["config", "load"]), Instant::now());
        while begun.elapsed() < EVERY {
            if let Some(victim) = edge.children_of(name).first() {
                return self.end(victim, name, false, false);
            }
        }
    }

    fn end(&mut self, victim: &Process, name: &'static str, costs: bool, stops: bool) {
        let signalled = Instant::now();
        if victim.signal(if stops { Signal::STOP } else { Signal::KILL }) {
            let deed = if stops { "stopped" } else { "killed" };
            wait_for(&format!("the end of {name}, {deed}"), || (!is_alive(victim.pid)).then_some(()));
            self.stopped += u64::from(stops);
            self.deaths.push(Death { program: name, costs, signalled, gone: Instant::now() + NOTICED_WITHIN });
        }
    }

    /// Returns the program that died while a request was under way, if there is one and it explains
    /// what the client saw.
    fn cause_of(&self, failure: &Failure) -> Option<&'static str> {
        if !matches!(failure.outcome, Outcome::Cut | Outcome::Own(502..=504)) {
            return None;
        }
        let deaths = self.deaths.iter().filter(|death| death.costs);
        let mut under_way = deaths.filter(|death| failure.begun <= death.gone && failure.ended >= death.signalled);
        under_way.next().map(|death| death.program)
    }

    fn write_down(&self, failures: &[Failure], report: &mut Report) {
        let mut killed = BTreeMap::<_, u64>::new();
        self.deaths.iter().for_each(|death| *killed.entry(death.program).or_default() += 1);
        report.row("killed or stopped, by program", format!("{killed:?}"));
        report.row("of these stopped; reloads", format!("{}; {}", self.stopped, self.reloads.len()));
        let mut explained = BTreeMap::<_, u64>::new();
        let mut others = Vec::new();
        for failure in failures {
            match self.cause_of(failure) {
                Some(program) => *explained.entry((program, failure.outcome.word())).or_default() += 1,
                None => others.push(failure),
            }
        }
        for ((program, outcome), count) in explained {
            report.row(format!("failed with {program}: {outcome}"), count);
        }
        report.promise("failed with no program on their path", others.len(), others.is_empty());
        for failure in others.into_iter().take(SHOWN_MAX) {
            report.promise("one of them", self.describe(failure), false);
        }
    }

    /// Returns words about a failure, and what was done next to it.
    fn describe(&self, failure: &Failure) -> String {
        let deaths = self.deaths.iter().map(|death| (death.program, death.gone));
        let reloads = self.reloads.iter().map(|begun| ("a reload", *begun));
        let mut deeds: Vec<_> = deaths.chain(reloads).filter(|(_, at)| *at <= failure.ended).collect();
        deeds.sort_unstable_by_key(|(_, at)| std::cmp::Reverse(*at));
        let near = deeds.into_iter().take(NEAR_MAX).map(|(what, at)| {
            let [begun, ended] = [failure.begun, failure.ended].map(|then| milliseconds(at, then));
            format!("{what}, begun {begun} ms and failed {ended} ms later")
        });
        format!("{:?} {}: {}", failure.outcome, failure.what, near.collect::<Vec<_>>().join("; "))
    }
}

/// Returns the time from one to the other, less than nothing where it is before.
fn milliseconds(from: Instant, to: Instant) -> i128 {
    let ahead = |from: Instant, to: Instant| to.saturating_duration_since(from).as_millis() as i128;
    ahead(from, to) - ahead(to, from)
}
