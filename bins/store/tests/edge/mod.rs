//! An edge whose rules keep records, and what its clients see.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fosse_harness::{Backend, Client, Dir, Edge, Process, Response, wait_for};

/// Rules that count the requests of each address, and deny those beyond `most` with 429. `/?is=N`
/// gets 418 where it is the Nth.
pub(crate) fn counting(most: u32) -> String {
    format!(
        "SecAction \"id:1,phase:1,pass,nolog,initcol:ip=%{{REMOTE_ADDR}},setvar:ip.hits=+1,expirevar:ip.hits=3600\"\n\
         SecRule ARGS:is \"@eq %{{ip.hits}}\" \"id:2,phase:1,deny,status:418\"\n\
         SecRule IP:hits \"@gt {most}\" \"id:3,phase:1,deny,status:429\"\n"
    )
}

/// A directory with these rules.
pub(crate) fn rules(text: &str) -> Dir {
    let dir = Dir::new();
    std::fs::write(dir.join("own.conf"), text).unwrap();
    dir
}

/// The configuration of an edge with the rules of a directory.
pub(crate) fn configuration(backend: &Backend, rules: &Dir, lanes: u32) -> String {
    format!(
        "lanes = {lanes}\n[[listen]]\naddress = \"{{address}}\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n\
         [[site]]\ndefault = true\nbackend = \"app\"\nrules = [\"{}/own*.conf\"]\n",
        backend.address(),
        rules.path().display()
    )
}

/// An edge with the rules of a directory.
pub(crate) fn edge(backend: &Backend, rules: &Dir, lanes: u32) -> Edge {
    Edge::with_config(&configuration(backend, rules, lanes), &["--dir", &rules.path().to_string_lossy()])
}

/// The response to a request on a connection.
pub(crate) fn response(client: &mut Client, target: &str) -> Option<Response> {
    let sent = client.try_send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    sent.ok().and_then(|()| client.try_response(false))
}

/// The status of a request on a connection; 0 where there is no response.
pub(crate) fn status_on(client: &mut Client, target: &str) -> u16 {
    response(client, target).map_or(0, |response| response.status)
}

/// What a scenario runs on: a backend, the directory of the rules, and an edge with them.
pub(crate) type Setting = (Backend, Dir, Edge);

/// A setting whose site has these rules.
pub(crate) fn setting(text: &str, lanes: u32) -> Setting {
    let (backend, rules) = (Backend::start(), rules(text));
    let edge = edge(&backend, &rules, lanes);
    (backend, rules, edge)
}

/// Attempts at a scenario. A store whose records are late in each of them hangs.
const ATTEMPTS_MAX: u32 = 10;

/// Runs a scenario in which every record has to come in time; in a new setting again where it fails
/// and one was late.
///
/// Filters wait 100 ms for a record, which is for a store that hangs. On a busy machine they are
/// over now and then; the record is empty to the rules then, and the scenario shows nothing.
pub(crate) fn with_records_in_time(make: impl Fn() -> Setting, scenario: impl Fn(&Setting)) {
    for _ in 1..ATTEMPTS_MAX {
        let setting = make();
        let Err(failure) = catch_unwind(AssertUnwindSafe(|| scenario(&setting))) else { return };
        if records_missed(&setting.2) == 0 {
            resume_unwind(failure);
        }
    }
    scenario(&make());
}

/// The records that filters took as empty.
fn records_missed(edge: &Edge) -> u64 {
    // They are counted at a tick. A filter without requests turns at ticks alone, but for the few
    // frames that end the last request.
    const TURNS_WITH_A_TICK: u64 = 10;
    let before = filter_turns(edge);
    wait_for("a tick of every filter", || {
        let now = filter_turns(edge);
        let has_ticked = |(pid, turns): (&u64, &u64)| now.get(pid).is_none_or(|now| *now >= turns + TURNS_WITH_A_TICK);
        before.iter().all(has_ticked).then_some(())
    });
    edge.counter("waf-filter", "records_missed")
}

/// The counter of turns of each filter that lives, by process.
fn filter_turns(edge: &Edge) -> BTreeMap<u64, u64> {
    let page = edge.status_page("/status.txt");
    let of_line = |line: &str| {
        let mut words = line.strip_prefix("waf-filter ")?.split(' ').skip(1);
        let pid = words.next()?.parse().ok()?;
        Some((pid, words.find_map(|word| word.strip_prefix("turns="))?.parse().ok()?))
    };
    page.lines().filter_map(of_line).collect()
}

/// The status of a request on a connection of its own.
pub(crate) fn status(edge: &Edge, target: &str) -> u16 {
    status_on(&mut Client::connect(edge.address()), target)
}

/// Enough connections for two lanes to share them.
pub(crate) fn connections_over_lanes(edge: &Edge) -> Vec<Client> {
    let clients: Vec<Client> = (0..40).map(|_| Client::connect(edge.address())).collect();
    wait_for("connections on two lanes", || {
        let page = edge.status_page("/status.txt");
        let holding = page.lines().filter(|line| line.starts_with("parse ")).filter(|line| {
            let held = line.split(' ').find_map(|word| word.strip_prefix("connections="));
            held.is_some_and(|held| held != "0")
        });
        (holding.count() > 1).then_some(())
    });
    clients
}

/// The store, if there is one.
pub(crate) fn store(edge: &Edge) -> Option<Process> {
    edge.processes().into_iter().find(|process| process.program == "store")
}

/// A store that is another than this one.
pub(crate) fn another_store(edge: &Edge, pid: u32) -> Process {
    wait_for("another store", || store(edge).filter(|process| process.pid != pid))
}
