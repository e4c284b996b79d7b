//! Nobody dies: under pipelining, bodies and aborts at every point every answer is the right one, all of it.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::Extent;
use crate::{
    backend::Backend,
    edge::{Edge, Setup},
    load::{Habits, Load},
    report::Report,
};

/// Load without a death; everything but what clients gave up themselves is answered right, and nothing is left open.
pub fn run(extent: Extent) -> Report {
    under(extent, false, Setup::default())
}

/// The same with a backend that is broken half of the time: its clients see 502 or a visible cut, the others their answers.
pub fn broken_backend(extent: Extent) -> Report {
    under(extent, true, Setup::default())
}

/// A broken backend, and the answers of half the requests are held and judged.
pub fn judged(extent: Extent) -> Report {
    under(extent, true, Setup { judged: true, ..Setup::default() })
}

fn under(extent: Extent, rude: bool, setup: Setup) -> Report {
    let edge = Edge::start(setup);
    let backend = Backend::listen(&edge.directory().join("a.sock"), "a");
    edge.wait_served();
    let before = edge.steady();
    let habits = Habits { seed: extent.seed, rude, requests_max: extent.requests_max, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let begun = Instant::now();
    while begun.elapsed() < extent.time && !load.is_done() {
        thread::sleep(Duration::from_millis(20));
    }
    let tally = load.end();
    let took = begun.elapsed();
    println!("integrity: {} backend: {}", tally.line(), backend.line());
    assert_eq!(tally.failed(), None, "{}", edge.tail());
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.shames(), Vec::<String>::new());
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
pub fn rest(edge: &Edge, before: &crate::edge::Inventory) -> crate::edge::Inventory {
    edge.settle(before, POOLED);
    // Pooled connections rest for 4 s at most.
    thread::sleep(Duration::from_secs(5));
    edge.settle(before, 2)
}
