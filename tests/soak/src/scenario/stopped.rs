//! A stage that stands still (SIGSTOP) is found and replaced; meanwhile nothing wrong is answered.

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{Extent, integrity};
use crate::{
    backend::Backend,
    edge::{Edge, Setup},
    load::{Habits, Load},
    process,
    report::Report,
};

const STAGES: [&str; 6] = ["parse", "dispatch", "waf-filter", "accept", "connect", "log"];
/// What the edge promises.
const REPLACED_WITHIN: Duration = Duration::from_secs(4);

/// Stops stage after stage under load.
pub fn run(extent: Extent) -> Report {
    let edge = Edge::start(Setup::default());
    let backend = Backend::listen(&edge.directory().join("a.sock"), "a");
    edge.wait_served();
    let before = edge.steady();
    let habits = Habits { seed: extent.seed, clients: 4, patience: crate::edge::LONG, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let mut report = Report::default();
    for stage in &STAGES[..extent.of(STAGES.len()).max(2)] {
        let victim = edge.of(stage).into_iter().next().unwrap();
        let begun = Instant::now();
        assert!(process::signal(&victim, edge.pid(), Signal::STOP));
        edge.wait("the end of a stopped stage", |_| !process::lives(victim.pid));
        edge.wait("what replaces it", |e| e.inventory().programs == before.programs);
        edge.wait_served();
        report.times(format!("stopped {stage} is replaced"), vec![begun.elapsed()], REPLACED_WITHIN);
        thread::sleep(Duration::from_millis(100));
    }
    let tally = load.end();
    println!("stopped: {}", tally.line());
    assert_eq!(tally.wrong(), Vec::<String>::new(), "{}", edge.tail());
    assert_eq!(tally.silent.load(Relaxed), 0, "{}", edge.tail());
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.shames(), Vec::<String>::new());
    integrity::rest(&edge, &before);
    report.row("load", tally.line());
    edge.stop();
    report
}
