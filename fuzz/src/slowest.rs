//! The search for the request that costs the rule engine most for each of its bytes.
//!
//! Cost is counted in branches taken (every edge of the instrumented code, see `slowest.sh`), so that a busy machine
//! changes nothing and the same request costs the same every time. Requests are mutated towards cost: those that cost
//! most for their length stay, and the rest is made of them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fosse_seclang::{Arena, Bundle, Environment, Mode, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};

use crate::corpus::name_of;
use crate::mutate::mutate;
use crate::random::Random;
use crate::seeds::rules;

/// Bytes of a request: enough for a cost that grows faster than the request to show.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Requests kept, the costliest.
const KEPT_MAX: usize = 48;

/// Bytes added to a request's length before its cost is divided by it: what every request costs counts little.
const BASE_BYTES: u64 = 2048;

/// A request and what it cost.
#[derive(Clone, Debug)]
pub struct Costly {
    /// Target, header name (the Content-Type, too), header value and body, with a NUL after each of the first three.
    pub input: Vec<u8>,
    /// Branches.
    pub steps: u64,
}

impl Costly {
    /// Branches for each byte.
    #[must_use]
    pub fn rate(&self) -> u64 {
        self.steps / (self.input.len() as u64 + BASE_BYTES)
    }
}

/// A Core Rule Set, compiled as sites have it, with requests of every kind read.
///
/// # Panics
///
/// Where the directory is none, or its rules do not compile.
#[must_use]
pub fn load(directory: &Path, paranoia: u8) -> Ruleset {
    let mut bundle = Bundle::new();
    for entry in std::fs::read_dir(directory.join("rules")).expect("DIRECTORY/rules").flatten() {
        let name = format!("rules/{}", entry.file_name().to_string_lossy());
        bundle.insert(&name, std::fs::read(entry.path()).expect("a rule file"));
    }
    bundle
        .insert("setup.conf", std::fs::read(directory.join("crs-setup.conf.example")).expect("crs-setup.conf.example"));
    bundle.insert(
        "main.conf",
        format!(
            "SecRuleEngine On\nSecResponseBodyAccess On\nSecArgumentsLimit 100000\n\
             SecRule REQUEST_HEADERS:Content-Type json \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n\
             SecRule REQUEST_HEADERS:Content-Type xml \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
             Include setup.conf\nSecAction \"id:3,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia}\"\nInclude rules/*.conf\n"
        ),
    );
    Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors.first().expect("an error")))
}

/// What runs requests.
#[derive(Debug)]
pub struct Court<'r> {
    rules: &'r Ruleset,
    scratch: Scratch,
}

impl<'r> Court<'r> {
    /// One for a rule set.
    #[must_use]
    pub fn new(rules: &'r Ruleset) -> Self {
        Self { rules, scratch: Scratch::default() }
    }

    /// Runs a request through all phases, to their end whatever it does; what that took.
    pub fn cost(&mut self, input: &[u8]) -> u64 {
        let before = steps();
        let mut parts = input.splitn(4, |byte| *byte == 0);
        let mut part = || parts.next().unwrap_or_default();
        let (target, name, value, body) = (part(), part(), part(), part());
        let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
        let mut env = Environment { scratch: &mut self.scratch, schedule: &mut schedule, store: &mut store };
        let mut transaction = Transaction::new(self.rules, Arena::default(), Now::default());
        transaction.set_mode(Mode::DetectionOnly);
        transaction.connection(IpAddr::V4(Ipv4Addr::LOCALHOST), 1, IpAddr::V4(Ipv4Addr::LOCALHOST), 2);
        transaction.request_line(target, b"POST", target, b"HTTP/1.1");
        transaction.header(b"Host", b"localhost");
        transaction.header(name, value);
        transaction.header(b"Content-Type", name);
        transaction.header(b"Cookie", value);
        let phases = [Transaction::phase1, Transaction::phase2, Transaction::phase5];
        for (at, phase) in phases.into_iter().enumerate() {
            if at == 1 {
                transaction.request_body(body);
            }
            while phase(&mut transaction, &mut env) == Outcome::Yield {}
        }
        steps().wrapping_sub(before)
    }
}

#[cfg(feature = "steps")]
fn steps() -> u64 {
    fosse_sys::steps::taken()
}

/// Without the counter, CPU time in nanoseconds stands for it: for a look, not for a search.
#[cfg(not(feature = "steps"))]
fn steps() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Searches for `time`; the costliest first. Each new costliest one is told of.
pub fn search(rules: &Ruleset, time: Duration, seed: u64, mut told: impl FnMut(&Costly)) -> Vec<Costly> {
    let (mut court, mut random, end) = (Court::new(rules), Random::new(seed, "slowest"), Instant::now() + time);
    let mut kept: Vec<Costly> =
        rules::requests().into_iter().map(|input| Costly { steps: court.cost(&input), input }).collect();
    kept.sort_by_key(|costly| std::cmp::Reverse(costly.rate()));
    while Instant::now() < end {
        let pick = |random: &mut Random| {
            kept.get(random.below(kept.len())).map(|costly| costly.input.as_slice()).unwrap_or_default()
        };
        let (one, other) = (pick(&mut random), pick(&mut random));
        let mut input = mutate(&mut random, one, other, rules::ATTACK);
        input.truncate(REQUEST_BYTES_MAX);
        let costly = Costly { steps: court.cost(&input), input };
        let full = kept.len() >= KEPT_MAX;
        if full && kept.last().is_some_and(|least| costly.rate() <= least.rate()) {
            continue;
        }
        let place = kept.partition_point(|known| known.rate() >= costly.rate());
        if place == 0 {
            // Caches warm up: what counts is what it costs the second time.
            let again = Costly { steps: court.cost(&costly.input), input: costly.input.clone() };
            if kept.first().is_some_and(|first| again.rate() <= first.rate()) {
                continue;
            }
            told(&again);
        }
        kept.insert(place, costly);
        kept.truncate(KEPT_MAX);
    }
    kept
}

/// What a request costs as it is, and with its body two and four times as long. Whoever costs more than 2.5 times as much
/// for twice the bytes grows faster than its length.
#[must_use]
pub fn growth(rules: &Ruleset, input: &[u8]) -> [Costly; 3] {
    let mut court = Court::new(rules);
    let head = input.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(2).map_or(input.len(), |(at, _)| at + 1);
    let (head, body) = input.split_at(head);
    [1, 2, 4].map(|times| {
        let input = [head, &body.repeat(times)].concat();
        court.cost(&input);
        Costly { steps: court.cost(&input), input }
    })
}

/// Where a costly request is kept.
#[must_use]
pub fn path(directory: &Path, costly: &Costly) -> PathBuf {
    directory.join(format!("slowest-{:06}-{}", costly.rate(), name_of(&costly.input)))
}
