//! Stages are killed under load: no response is wrong, mixed, or short and yet complete to look at,
//! and the edge serves on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use fosse_harness::{Edge, Process, WAIT_MAX, is_alive, sockets};

use super::{Extent, Pace, integrity};
use crate::{
    client::{self, Client, Outcome, wait_served},
    inventory::Inventory,
    load::{Habits, Load, next_id},
    random::Random,
    report::Report,
    request::Request,
    site::{Plain, Setup},
};

/// The stages that may be killed.
const STAGES: [&str; 6] = ["parse", "waf-filter", "dispatch", "connect", "accept", "log"];
/// Time between two kills.
const EVERY: Duration = Duration::from_millis(200);
/// Kills between two reloads.
const RELOAD_EVERY: u64 = 10;
/// What the edge promises a new request after a kill.
const SERVED_WITHIN: Duration = Duration::from_millis(200);

/// A random stage is killed every 200 ms.
pub fn stages(extent: Extent) -> Report {
    stages_of(extent, Setup::default())
}

/// The same where the responses of half the requests are buffered and inspected.
pub fn inspected_stages(extent: Extent) -> Report {
    stages_of(extent, Setup { plain: Plain::Inspected, ..Setup::default() })
}

fn stages_of(extent: Extent, setup: Setup) -> Report {
    let edge = setup.start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let before = Inventory::steady(&edge);
    let habits = Habits { seed: extent.seed, requests_max: extent.requests_max, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut random, mut killed, mut served) = (Random::new(extent.seed), [0u64; STAGES.len()], Vec::new());
    let (begun, mut pace) = (Instant::now(), Pace::new(EVERY));
    while begun.elapsed() < extent.time && !load.is_done() {
        if let Some(number) = kill_one(&edge, &mut random) {
            killed[number] += 1;
            // A reload now and then: generations change while stages are killed.
            if killed.iter().sum::<u64>() % RELOAD_EVERY == 0 {
                edge.signal(Signal::HUP);
            }
            served.push(until_served(&edge));
        }
        pace.wait();
    }
    let tally = load.end();
    println!("kills: killed {killed:?} of {STAGES:?}: {}", tally.line());
    assert_eq!(tally.wrong(), Vec::<String>::new());
    assert_eq!(tally.silent.load(Relaxed), 0);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    assert!(tally.own.lock().unwrap().keys().all(|s| matches!(s, 502..=504)), "{}", tally.line());
    wait_served(&edge);
    let after = integrity::rest(&edge, &before);
    let mut report = Report::default();
    report.row("killed", format!("{killed:?} of {STAGES:?}"));
    report.row("load", tally.line());
    report.times("a new client is served after a kill", served, SERVED_WITHIN);
    report.row("resident bytes before, after", format!("{} {}", before.resident, after.resident));
    edge.stop();
    report
}

/// Kills a random process of a random stage; the number of the stage.
fn kill_one(edge: &Edge, random: &mut Random) -> Option<usize> {
    let number = random.below(STAGES.len() as u64) as usize;
    let all = edge.children_of(STAGES[number]);
    let victim = (!all.is_empty()).then(|| random.pick(&all))?;
    victim.signal(Signal::KILL).then_some(number)
}

/// Time until a new client gets its response; attempts that fail are made again at once, those that
/// hang are overtaken.
fn until_served(edge: &Edge) -> Duration {
    let (begun, done) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let (address, micros) = (edge.address(), Arc::new(AtomicU64::new(0)));
    let mut attempts = Vec::new();
    while !done.load(Relaxed) && begun.elapsed() < WAIT_MAX {
        let (done, micros) = (Arc::clone(&done), Arc::clone(&micros));
        attempts.push(thread::spawn(move || {
            if client::once(address, next_id(), Duration::from_secs(10)) == Outcome::Right && !done.swap(true, Relaxed)
            {
                micros.store(begun.elapsed().as_micros() as u64, Relaxed);
            }
        }));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(done.load(Relaxed), "nobody is served any more");
    attempts.into_iter().for_each(|t| t.join().unwrap());
    Duration::from_micros(micros.load(Relaxed))
}

/// Stages of one lane are killed; clients of the other lanes notice nothing, over one connection
/// each.
#[expect(clippy::too_many_lines, reason = "what is killed, what goes on meanwhile and what it came to, in order")]
pub fn of_one_lane(extent: Extent) -> Report {
    let edge = Setup::default().start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let lanes = edge.children_of("parse");
    let mut report = Report::default();
    let [doomed, other] = lanes.as_slice() else {
        report.row("lanes", "not two: nothing to show");
        return report;
    };
    let (core, before) = (doomed.cores(), Inventory::steady(&edge));
    assert_ne!(core, other.cores(), "two lanes, one core");
    let clients: Vec<Client> = (1..40).filter_map(|last| client_of(&edge, other, last)).collect();
    assert!(clients.len() > 5, "addresses do not spread over lanes: {}", clients.len());
    let (over, count) = (Arc::new(AtomicBool::new(false)), clients.len());
    let ask = |mut client: Client, seed: u64| {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let (mut random, mut asked) = (Random::new(seed), 0u64);
            while !over.load(Relaxed) {
                let request = Request { old: false, ..Request::any(next_id(), &mut random) };
                assert!(client.send(&request.bytes()), "a client of the other lane was cut off");
                assert_eq!(client.response(&request), Outcome::Right, "a client of the other lane: {request:?}");
                asked += 1;
                thread::sleep(Duration::from_millis(5));
            }
            asked
        })
    };
    let clients: Vec<_> = clients.into_iter().zip(extent.seed..).map(|(c, seed)| ask(c, seed)).collect();
    let (mut random, mut killed, begun) = (Random::new(extent.seed), 0, Instant::now());
    let mut pace = Pace::new(EVERY);
    while begun.elapsed() < extent.time {
        let stage = *random.pick(&STAGES[..4]);
        let victim = edge.children_of(stage).into_iter().find(|c| c.cores() == core);
        killed += u64::from(victim.is_some_and(|v| v.signal(Signal::KILL)));
        pace.wait();
    }
    over.store(true, Relaxed);
    let asked: u64 = clients.into_iter().map(|t| t.join().unwrap()).sum();
    assert!(is_alive(other.pid));
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    integrity::rest(&edge, &before);
    report.row("stages of the one lane killed", killed);
    report.row("clients and requests of the other, none failed", format!("{count} {asked}"));
    edge.stop();
    report
}

/// A connection from that address, if it came into the lane of that parse.
fn client_of(edge: &Edge, parse: &Process, last: u8) -> Option<Client> {
    let before = parse.descriptors();
    let stream = sockets::connect_from(last, edge.address(), WAIT_MAX).unwrap();
    let mut client = Client::over(stream);
    let request = Request::small(next_id());
    assert!(client.send(&request.bytes()));
    assert_eq!(client.response(&request), Outcome::Right);
    (parse.descriptors() > before).then_some(client)
}

/// start itself is killed: everything below it ends, and what a supervisor starts then serves at
/// once.
pub fn of_start(extent: Extent) -> Report {
    let mut report = Report::default();
    let mut times = Vec::new();
    for _ in 0..extent.of(10) {
        let mut edge = Setup::default().start();
        let _backend = extent.backend(&edge, "a");
        wait_served(&edge);
        let load = Load::begin(edge.address(), Habits { seed: extent.seed, ..Habits::default() });
        thread::sleep(Duration::from_millis(300));
        let all = edge.children();
        times.push(edge.kill());
        let tally = load.end();
        assert!(all.iter().all(|c| !is_alive(c.pid)));
        assert_eq!(tally.wrong(), Vec::<String>::new());
        assert_eq!(tally.silent.load(Relaxed), 0, "{}", tally.line());
        // What a supervisor does: the same again, at the same place.
        edge.revive();
        wait_served(&edge);
        edge.stop();
    }
    report.times("everything is gone after start was killed", times, Duration::from_secs(1));
    report
}
