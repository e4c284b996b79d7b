//! One hostile address of each kind at once, or a storm of many that each do what they may,
//! against the limits that an edge has by default and the same backend: a well-behaved client is
//! served, and none of its requests waits long.
//!
//! Each kind is a process of its own that gives way to all others: on its own machine it would
//! take no core from the edge either. The well-behaved client has this process to itself.

mod attack;
mod kinds;

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fosse_harness::{Dir, Edge};

use super::{Extent, Pace};
use crate::{
    apart::{self, Apart},
    client::wait_served,
    courteous::Courteous,
    limits,
    load::take_ids_of,
    report::Report,
    scheduling,
};
use attack::Attack;
use kinds::{ALONE, KINDS, STORM};

/// Everything by default but two lanes.
const CONFIGURATION: &str = "lanes = 2\nuid_base = {uid_base}\n[[listen]]\naddress = \"{address}\"\n\
    [[site]]\ndefault = true\nbackend = \"a\"\n[[backend]]\nname = \"a\"\nservers = [\"unix:{dir}/a.sock\"]\n";

/// Bytes of the file that is kept and encoded.
const FILE_BYTES: usize = 300_000;

/// Addresses of each kind in a storm.
const STORM_SOURCES: u8 = 50;

/// Connections of each kind that opens many: as many as one address may have.
const CONNECTIONS: usize = 1000;

/// Time between two lists of all connections.
const BETWEEN_LISTS: Duration = Duration::from_millis(100);

/// The nice value of whoever is hostile.
const NICE: i32 = 19;

/// Runs all of them for a while.
///
/// # Panics
/// Where the well-behaved client is not served, or the edge breaks.
#[must_use]
pub fn run(extent: Extent) -> Report {
    beside(extent, "hostile", &ALONE, "one hostile address of each kind")
}

/// Runs a storm for a while: of each kind fifty addresses.
///
/// # Panics
/// As [`run`].
#[must_use]
pub fn storm(extent: Extent) -> Report {
    beside(extent, "storm", &STORM, "fifty hostile addresses of each kind")
}

/// Serves a well-behaved client beside parts of that word, one of each kind.
fn beside(extent: Extent, word: &str, kinds: &[&str], who: &str) -> Report {
    let edge = start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let (mut report, address, count) = (Report::default(), edge.address().to_string(), extent.of(CONNECTIONS));
    let courteous = Courteous::begin(edge.address());
    let mut hostile: Vec<Apart> = Vec::new();
    for name in kinds {
        hostile.push(Apart::start(extent.program, &[word, name, &address, &count.to_string()]));
    }
    let lists = see_connections(&edge, extent.time);
    report.row("lists of all connections", lists);
    for (mut apart, name) in hostile.into_iter().zip(kinds) {
        report.row(format!("{name}: begun"), apart.ask().concat());
    }
    courteous.end(&mut report, who);
    scheduling::write_down(&edge, &mut report);
    assert_eq!(backend.findings(), Vec::<String>::new());
    assert_eq!(edge.alarms(), Vec::<String>::new());
    edge.stop();
    report
}

fn start() -> Edge {
    let dir = Dir::new();
    fs::create_dir(dir.join("files")).unwrap();
    let line = "A line of text as people write it, which a coding makes shorter.\n";
    fs::write(dir.join("files").join(kinds::FILE), line.repeat(FILE_BYTES / line.len())).unwrap();
    Edge::supervised(dir, &[CONFIGURATION, kinds::SITES].concat())
}

/// Has all connections shown again and again for a time, as an operator does who looks for whoever
/// is hostile. Returns how often.
fn see_connections(edge: &Edge, time: Duration) -> u64 {
    let (begun, mut lists, mut shown) = (Instant::now(), 0, 0);
    let mut pace = Pace::new(BETWEEN_LISTS);
    while begun.elapsed() < time {
        shown += edge.status_page("/connections.txt").lines().count();
        lists += 1;
        pace.wait();
    }
    assert!(shown > 0, "nobody was connected");
    lists
}

/// Is hostile in the way of that name, in a process that is nothing else, until it is asked how
/// often.
///
/// # Panics
/// Where there is no such way.
pub fn attack(name: &str, address: SocketAddr, count: usize) -> ! {
    let place = ALONE.iter().position(|known| *known == name).unwrap();
    // The well-behaved client has 127.0.0.1.
    attack_from((u8::try_from(place + 2).unwrap(), 1), name, address, count)
}

/// Does the same from as many addresses as there are of a kind in a storm.
///
/// # Panics
/// As [`attack`].
pub fn attack_in_storm(name: &str, address: SocketAddr, count: usize) -> ! {
    let place = STORM.iter().position(|known| *known == name).unwrap();
    let first = u8::try_from(place).unwrap() * STORM_SOURCES + 2;
    attack_from((first, STORM_SOURCES), name, address, count)
}

fn attack_from(sources: (u8, u8), name: &str, address: SocketAddr, count: usize) -> ! {
    rustix::process::nice(NICE).unwrap();
    limits::all_descriptors();
    let number = KINDS.iter().position(|(known, _)| *known == name).unwrap();
    take_ids_of(sources.0);
    let attack = Arc::new(Attack::new(sources, address, count));
    let at_work = Arc::clone(&attack);
    thread::spawn(move || {
        while !at_work.is_over_within(Duration::ZERO) {
            KINDS[number].1(&at_work);
        }
    });
    apart::respond(|| {
        attack.end();
        vec![attack.begun().to_string()]
    })
}
