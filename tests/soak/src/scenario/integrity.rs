//! Nothing is killed: under pipelining, bodies and aborts at every point every response is the
//! right one, all of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use fosse_harness::Edge;

use super::Extent;
use crate::{
    client::wait_served,
    inventory::Inventory,
    load::{Habits, Load},
    report::Report,
    site::{Plain, Setup},
};

/// Load without a kill; everything but what clients gave up themselves is served right, and nothing
/// is left open.
pub fn run(extent: Extent) -> Report {
    under(extent, false, Setup::default())
}

/// The same with a backend that is broken half of the time: its clients see 502 or a visible cut,
/// the others their responses.
pub fn broken_backend(extent: Extent) -> Report {
    under(extent, true, Setup::default())
}

/// A broken backend, and the responses of half the requests are buffered and inspected.
pub fn inspected(extent: Extent) -> Report {
    under(extent, true, Setup { plain: Plain::Inspected, ..Setup::default() })
}

fn under(extent: Extent, rude: bool, setup: Setup) -> Report {
    let edge = setup.start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let habits = Habits { seed: extent.seed, rude, requests_max: extent.requests_max, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let begun = Instant::now();
    while begun.elapsed() < extent.time && !load.is_done() {
        thread::sleep(Duration::from_millis(20));
    }
    let tally = load.end();
    let took = begun.elapsed();
    println!("integrity: {} backend: {}", tally.line(), backend.line());
    assert_eq!(tally.failed(), None);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    let after = rest(&edge, &before);
    let mut report = Report::default();
    report.row("load", tally.line());
    report.row("requests/s", tally.sent.load(std::sync::atomic::Ordering::Relaxed) / took.as_secs().max(1));
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    edge.stop();
    report
}

/// Descriptors beyond those of before: connections that rest in the pools of backends.
const POOLED: usize = 2 * 64;

/// Waits until everything is as before, the pools of backends aside.
pub fn rest(edge: &Edge, before: &Inventory) -> Inventory {
    let _ = before.settle(edge, POOLED);
    // Pooled connections rest for 4 s at most.
    thread::sleep(Duration::from_secs(5));
    before.settle(edge, 2)
}
