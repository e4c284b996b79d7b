//! Stages die under load: no answer is wrong, mixed, or short and yet complete to look at, and the edge serves on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{Extent, integrity};
use crate::{
    backend::Backend,
    client::{self, Outcome},
    edge::{Edge, Setup},
    load::{Habits, Load, next_id},
    process::{self, lives},
    random::Random,
    report::Report,
};

/// The stages that may die.
const STAGES: [&str; 6] = ["parse", "waf-filter", "dispatch", "connect", "accept", "log"];
/// Time between two deaths.
const EVERY: Duration = Duration::from_millis(200);
/// What the edge promises a new request after a death.
const SERVED_WITHIN: Duration = Duration::from_millis(200);

/// A random stage dies every 200 ms.
pub fn stages(extent: Extent) -> Report {
    let edge = Edge::start(Setup::default());
    let backend = Backend::listen(&edge.directory().join("a.sock"), "a");
    edge.wait_served();
    let before = edge.inventory();
    let habits = Habits { seed: extent.seed, requests_max: extent.requests_max, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut random, mut killed, mut served) = (Random::new(extent.seed), [0u64; STAGES.len()], Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < extent.time && !load.is_done() {
        let next = Instant::now() + EVERY;
        if let Some(number) = kill_one(&edge, &mut random) {
            killed[number] += 1;
            served.push(until_served(&edge));
        }
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let tally = load.end();
    println!("deaths: killed {killed:?} of {STAGES:?}: {}", tally.line());
    assert_eq!(tally.wrong(), Vec::<String>::new(), "{}", edge.tail());
    assert_eq!(tally.silent.load(Relaxed), 0, "{}", edge.tail());
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.shames(), Vec::<String>::new());
    assert!(tally.own.lock().unwrap().keys().all(|s| matches!(s, 502 | 503 | 504)), "{}", tally.line());
    edge.wait_served();
    let after = integrity::rest(&edge, &before);
    let mut report = Report::default();
    report.row("killed", format!("{killed:?} of {STAGES:?}"));
    report.row("load", tally.line());
    report.times("a new client is served after a death", served, SERVED_WITHIN);
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    edge.stop();
    report
}

/// Kills a random process of a random stage; the number of the stage.
fn kill_one(edge: &Edge, random: &mut Random) -> Option<usize> {
    let number = random.below(STAGES.len() as u64) as usize;
    let all = edge.of(STAGES[number]);
    let victim = (!all.is_empty()).then(|| random.pick(&all))?;
    process::signal(victim, edge.pid(), Signal::KILL).then_some(number)
}

/// Time until a new client gets its answer; attempts that fail are made again at once, those that hang are overtaken.
fn until_served(edge: &Edge) -> Duration {
    let (begun, done) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let (address, micros) = (edge.address(), Arc::new(AtomicU64::new(0)));
    let mut attempts = Vec::new();
    while !done.load(Relaxed) && begun.elapsed() < crate::edge::LONG {
        let (done, micros) = (Arc::clone(&done), Arc::clone(&micros));
        attempts.push(thread::spawn(move || {
            if client::once(address, next_id(), Duration::from_secs(10)) == Outcome::Right && !done.swap(true, Relaxed)
            {
                micros.store(begun.elapsed().as_micros() as u64, Relaxed);
            }
        }));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(done.load(Relaxed), "nobody is served any more:\n{}", edge.tail());
    attempts.into_iter().for_each(|t| t.join().unwrap());
    Duration::from_micros(micros.load(Relaxed))
}

/// start itself dies: everything below it does, and what a supervisor starts then serves at once.
pub fn of_start(extent: Extent) -> Report {
    let mut report = Report::default();
    let mut times = Vec::new();
    for _ in 0..extent.of(10) {
        let mut edge = Edge::start(Setup::default());
        let _backend = Backend::listen(&edge.directory().join("a.sock"), "a");
        edge.wait_served();
        let load = Load::begin(edge.address(), Habits { seed: extent.seed, ..Habits::default() });
        thread::sleep(Duration::from_millis(300));
        let all = edge.children();
        times.push(edge.kill());
        let tally = load.end();
        assert!(all.iter().all(|c| !lives(c.pid)));
        assert_eq!(tally.wrong(), Vec::<String>::new());
        assert_eq!(tally.silent.load(Relaxed), 0, "{}", tally.line());
        // What a supervisor does: the same again, at the same place.
        edge.revive();
        edge.wait_served();
        edge.stop();
    }
    report.times("everything is gone after start was killed", times, Duration::from_secs(1));
    report
}
