//! One hostile address of each kind at once, against the limits that an edge has by default and the
//! same backend: a well-behaved client is served, and none of its requests waits long.
//!
//! Each of them is a process of its own that gives way to all others: on its own machine it would
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
use kinds::KINDS;

/// Everything by default but two lanes.
const CONFIGURATION: &str = "lanes = 2\nuid_base = {uid_base}\n[[listen]]\naddress = \"{address}\"\n\
    [[site]]\ndefault = true\nbackend = \"a\"\n[[backend]]\nname = \"a\"\nservers = [\"unix:{dir}/a.sock\"]\n";

/// Bytes of the file that is kept and encoded.
const FILE_BYTES: usize = 300_000;

/// Connections of each hostile address that opens many: as many as one may have.
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
    let edge = start();
    let backend = extent.backend(&edge, "a");
    wait_served(&edge);
    let (mut report, address, count) = (Report::default(), edge.address().to_string(), extent.of(CONNECTIONS));
    let courteous = Courteous::begin(edge.address());
    let mut hostile: Vec<Apart> = Vec::new();
    for (name, _) in KINDS {
        hostile.push(Apart::start(extent.program, &["hostile", name, &address, &count.to_string()]));
    }
    let lists = see_connections(&edge, extent.time);
    report.row("lists of all connections", lists);
    for (mut apart, (name, _)) in hostile.into_iter().zip(KINDS) {
        report.row(format!("{name}: begun"), apart.ask().concat());
    }
    courteous.end(&mut report, "one hostile address of each kind");
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
    rustix::process::nice(NICE).unwrap();
    limits::all_descriptors();
    let number = KINDS.iter().position(|(known, _)| *known == name).unwrap();
    // The well-behaved client has 127.0.0.1.
    let last = u8::try_from(number + 2).unwrap();
    take_ids_of(last);
    let attack = Arc::new(Attack::new(last, address, count));
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
