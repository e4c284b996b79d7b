//! A stage that stands still (SIGSTOP) is found and replaced; meanwhile nobody gets a wrong
//! response.

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use fosse_harness::{WAIT_MAX, is_alive, wait_for};

use super::{Extent, integrity};
use crate::{
    client::wait_served,
    inventory::Inventory,
    load::{Habits, Load},
    report::Report,
    site::Setup,
};

const STAGES: [&str; 6] = ["parse", "dispatch", "waf-filter", "accept", "connect", "log"];
/// What the edge promises.
const REPLACED_WITHIN: Duration = Duration::from_secs(4);

/// Stops stage after stage under load.
pub fn run(extent: Extent) -> Report {
    let edge = Setup::default().start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let habits = Habits { seed: extent.seed, clients: 4, patience: WAIT_MAX, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let mut report = Report::default();
    for stage in &STAGES[..extent.of(STAGES.len()).max(2)] {
        let victim = edge.children_of(stage).into_iter().next().unwrap();
        let begun = Instant::now();
        assert!(victim.signal(Signal::STOP));
        wait_for("the end of a stopped stage", || (!is_alive(victim.pid)).then_some(()));
        wait_for("what replaces it", || (Inventory::of(&edge).programs == before.programs).then_some(()));
        wait_served(&edge);
        report.times(format!("stopped {stage} is replaced"), vec![begun.elapsed()], REPLACED_WITHIN);
        thread::sleep(Duration::from_millis(100));
    }
    let tally = load.end();
    println!("stopped: {}", tally.line());
    assert_eq!(tally.wrong(), Vec::<String>::new());
    assert_eq!(tally.silent.load(Relaxed), 0);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    integrity::rest(&edge, &before);
    report.row("load", tally.line());
    edge.stop();
    report
}
