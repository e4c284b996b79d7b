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
    client::{self, Client, Outcome},
    edge::{Edge, Setup},
    load::{Habits, Load, next_id},
    process::{self, lives},
    random::Random,
    report::Report,
    request::Request,
};

/// The stages that may die.
const STAGES: [&str; 6] = ["parse", "waf-filter", "dispatch", "connect", "accept", "log"];
/// Time between two deaths.
const EVERY: Duration = Duration::from_millis(200);
/// Deaths between two reloads.
const RELOAD_EVERY: u64 = 10;
/// What the edge promises a new request after a death.
const SERVED_WITHIN: Duration = Duration::from_millis(200);

/// A random stage dies every 200 ms.
pub fn stages(extent: Extent) -> Report {
    stages_of(extent, Setup::default())
}

/// The same where the answers of half the requests are held and judged.
pub fn judged_stages(extent: Extent) -> Report {
    stages_of(extent, Setup { judged: true, ..Setup::default() })
}

fn stages_of(extent: Extent, setup: Setup) -> Report {
    let edge = Edge::start(setup);
    let backend = Backend::listen(&edge.directory().join("a.sock"), "a");
    edge.wait_served();
    let before = edge.steady();
    let habits = Habits { seed: extent.seed, requests_max: extent.requests_max, ..Habits::default() };
    let load = Load::begin(edge.address(), habits);
    let (mut random, mut killed, mut served) = (Random::new(extent.seed), [0u64; STAGES.len()], Vec::new());
    let begun = Instant::now();
    while begun.elapsed() < extent.time && !load.is_done() {
        let next = Instant::now() + EVERY;
        if let Some(number) = kill_one(&edge, &mut random) {
            killed[number] += 1;
            // A reload now and then: generations change while stages die.
            if killed.iter().sum::<u64>() % RELOAD_EVERY == 0 {
                edge.tell(Signal::HUP);
            }
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
    assert!(tally.own.lock().unwrap().keys().all(|s| matches!(s, 502..=504)), "{}", tally.line());
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

/// Stages of one lane die; clients of the other lanes notice nothing, over one connection each.
#[expect(clippy::too_many_lines, reason = "what is killed, what goes on meanwhile and what it came to, in order")]
pub fn of_one_lane(extent: Extent) -> Report {
    let edge = Edge::start(Setup::default());
    let backend = Backend::listen(&edge.directory().join("a.sock"), "a");
    edge.wait_served();
    let lanes = edge.of("parse");
    let mut report = Report::default();
    let [doomed, other] = lanes.as_slice() else {
        report.row("lanes", "not two: nothing to show");
        return report;
    };
    let (core, before) = (process::cores(doomed.pid), edge.steady());
    assert_ne!(core, process::cores(other.pid), "two lanes, one core");
    let clients: Vec<Client> = (1..40).filter_map(|last| client_of(&edge, other.pid, last)).collect();
    assert!(clients.len() > 5, "addresses do not spread over lanes: {}", clients.len());
    let (over, count) = (Arc::new(AtomicBool::new(false)), clients.len());
    let ask = |mut client: Client, seed: u64| {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let (mut random, mut asked) = (Random::new(seed), 0u64);
            while !over.load(Relaxed) {
                let request = Request { old: false, ..Request::any(next_id(), &mut random) };
                assert!(client.send(&request.bytes()), "a client of the other lane was cut off");
                assert_eq!(client.answer(&request), Outcome::Right, "a client of the other lane: {request:?}");
                asked += 1;
                thread::sleep(Duration::from_millis(5));
            }
            asked
        })
    };
    let clients: Vec<_> = clients.into_iter().zip(extent.seed..).map(|(c, seed)| ask(c, seed)).collect();
    let (mut random, mut killed, begun) = (Random::new(extent.seed), 0, Instant::now());
    while begun.elapsed() < extent.time {
        let stage = *random.pick(&STAGES[..4]);
        let victim = edge.of(stage).into_iter().find(|c| process::cores(c.pid) == core);
        killed += u64::from(victim.is_some_and(|v| process::signal(&v, edge.pid(), Signal::KILL)));
        thread::sleep(EVERY);
    }
    over.store(true, Relaxed);
    let asked: u64 = clients.into_iter().map(|t| t.join().unwrap()).sum();
    assert!(process::lives(other.pid));
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.shames(), Vec::<String>::new());
    integrity::rest(&edge, &before);
    report.row("stages of the one lane killed", killed);
    report.row("clients and requests of the other, none failed", format!("{count} {asked}"));
    edge.stop();
    report
}

/// A connection from that address, if it came into the lane of that parse.
fn client_of(edge: &Edge, parse: i32, last: u8) -> Option<Client> {
    let before = process::descriptors(parse);
    let stream = client::connect_from(last, edge.address(), crate::edge::LONG).unwrap();
    let mut client = Client::over(stream);
    let request = Request::small(next_id());
    assert!(client.send(&request.bytes()));
    assert_eq!(client.answer(&request), Outcome::Right);
    (process::descriptors(parse) > before).then_some(client)
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
