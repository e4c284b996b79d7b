//! Reloads under load, half of them changing routes, a tenth invalid: no request fails, idle
//! clients stay connected.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use fosse_harness::{Edge, WAIT_MAX, wait_for};

use super::{Extent, integrity};
use crate::{
    client::{Client, Outcome, wait_served},
    inventory::Inventory,
    load::{Habits, Load, next_id},
    report::Report,
    request::Request,
    site::Setup,
};

/// Keep-alive clients that mostly rest.
const IDLE_CLIENTS: usize = 100;

/// Has every request of these clients served right, over the one connection each of them has.
/// Returns the number of those who were told to come again.
fn greet(idle: &mut [Client], when: &str, edge: &Edge) -> usize {
    let mut ended = 0;
    for (number, client) in idle.iter_mut().enumerate() {
        ask(client, number, when);
        while client.ends {
            // It was served while its lane drained, and told to come again: a new connection is in
            // order. It asks at once, as one that says nothing is given up after head_seconds.
            *client = Client::connect(edge.address(), WAIT_MAX).unwrap();
            ask(client, number, when);
            ended += 1;
        }
    }
    ended
}

fn ask(client: &mut Client, number: usize, when: &str) {
    let request = Request::small(next_id());
    assert!(client.send(&request.bytes()), "idle client {number} was cut off {when}");
    assert_eq!(client.response(&request), Outcome::Right, "idle client {number} {when}");
}

/// Fifty reloads (or the share asked for).
pub fn run(extent: Extent) -> Report {
    let mut setup = Setup::default();
    let edge = setup.start();
    let backends = ["a", "b"].map(|name| extent.backend(&edge, name));
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let connect = |_| Client::connect(edge.address(), WAIT_MAX).unwrap();
    let mut idle: Vec<Client> = (0..IDLE_CLIENTS).map(connect).collect();
    greet(&mut idle, "before the first reload", &edge);
    let habits = Habits { seed: extent.seed, clients: 4, pause: Duration::from_millis(2), ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut times, mut ended) = (Vec::new(), 0);
    for number in 0..extent.of(50).max(10) {
        if number % 2 == 1 {
            setup.change_routes();
        }
        let invalid = number % 10 == 4;
        let begun = Instant::now();
        let new = if invalid { "lanes = \"many\"\n".to_owned() } else { setup.configuration() };
        assert_eq!(edge.try_reload(&new), !invalid, "reload {number}");
        times.push(begun.elapsed());
        ended += greet(&mut idle, &format!("after reload {number}"), &edge);
    }
    let tally = load.end();
    println!("reloads: {}", tally.line());
    assert_eq!(tally.failed(), None);
    backends.iter().for_each(|b| assert_eq!(b.findings(), Vec::<String>::new()));
    assert_eq!(edge.alarms(), Vec::<String>::new());
    drop(idle);
    let after = integrity::rest(&edge, &before);
    let mut report = Report::default();
    report.row("load", tally.line());
    report.row("idle clients told to come again", ended);
    report.times("reload", times, Duration::from_secs(10));
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    edge.stop();
    report
}

/// Binary upgrades in place under load: the same process id, no failed request.
pub fn upgrades(extent: Extent) -> Report {
    let edge = Setup::default().start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let connect = |_| Client::connect(edge.address(), WAIT_MAX).unwrap();
    let mut idle: Vec<Client> = (0..IDLE_CLIENTS).map(connect).collect();
    let habits = Habits { seed: extent.seed, clients: 4, pause: Duration::from_millis(2), ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut times, count) = (Vec::new(), extent.of(5).max(2));
    for number in 0..count {
        let serving = edge.log().matches("event=serving").count();
        edge.signal(Signal::USR2);
        let begun = Instant::now();
        wait_for("an upgrade", || (edge.log().matches("event=serving").count() > serving).then_some(()));
        times.push(begun.elapsed());
        greet(&mut idle, &format!("after upgrade {number}"), &edge);
    }
    let tally = load.end();
    println!("upgrades: {}", tally.line());
    assert_eq!(tally.failed(), None);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    drop(idle);
    thread::sleep(Duration::from_millis(100));
    integrity::rest(&edge, &before);
    let mut report = Report::default();
    report.row("load", tally.line());
    report.times("upgrade", times, Duration::from_secs(10));
    edge.stop();
    report
}
