//! fosse-slowest: what a request costs the rule engine for each of its bytes, and the most that any
//! may cost.
//!
//! Cost is counted in reads of memory, so that a busy machine changes nothing and the same request
//! costs the same every time.

#![forbid(unsafe_code)]

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use fosse_seclang::{Arena, Bundle, Environment, Mode, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};
use fosse_steps::{LEVELS_COUNT, reached, taken};

/// Bytes of a request: enough for a cost that grows faster than the request to show.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Bytes added to a request's length before its cost is divided by it: what every request costs
/// counts little.
const BASE_BYTES: u64 = 2048;

/// The bound that requests are held against.
#[derive(Debug)]
pub struct Bound {
    rules: Ruleset,
    /// Reads for a byte that no request may cost.
    rate_max: u64,
    costliest: Cell<u64>,
}

impl Bound {
    /// Compiles the Core Rule Set below $FOSSE_RULES as sites have it, with requests of every kind
    /// read; the bound is $FOSSE_RATE_MAX.
    ///
    /// # Panics
    /// If one of the two variables is missing or is none of these.
    #[must_use]
    pub fn of_environment() -> Self {
        let directory = std::env::var_os("FOSSE_RULES").expect("FOSSE_RULES names an unpacked Core Rule Set");
        let rate_max = std::env::var("FOSSE_RATE_MAX").ok().and_then(|rate| rate.parse().ok());
        let rate_max = rate_max.filter(|rate| *rate > 0).expect("FOSSE_RATE_MAX is reads for a byte");
        Self { rules: compiled(directory.as_ref()), rate_max, costliest: Cell::new(0) }
    }

    /// Runs a request (target, header name, header value and body, with a NUL after each of the
    /// first three). One that costs more than any before is run again with its body as it is and
    /// two and four times as long, so that what grows faster than its length shows.
    ///
    /// # Panics
    /// If it costs too much.
    pub fn request(&self, data: &[u8]) {
        let input = &data[..data.len().min(REQUEST_BYTES_MAX)];
        let mut engine = Engine { rules: &self.rules, scratch: Scratch::default() };
        let rate = engine.rate(input);
        reached(usize::try_from(rate * LEVELS_COUNT as u64 / (2 * self.rate_max)).unwrap_or(usize::MAX));
        if rate > self.costliest.get() {
            self.costliest.set(rate);
            let rates = engine.growth(input);
            println!("{} bytes: {rates:?} reads for a byte; the body once, twice, four times", input.len());
            assert!(rates.iter().all(|rate| *rate <= self.rate_max), "more than {} reads for a byte", self.rate_max);
        }
    }
}

fn compiled(directory: &Path) -> Ruleset {
    let mut bundle = Bundle::new();
    for entry in std::fs::read_dir(directory.join("rules")).expect("$FOSSE_RULES/rules").flatten() {
        let name = format!("rules/{}", entry.file_name().to_string_lossy());
        bundle.insert(&name, std::fs::read(entry.path()).expect("a rule file"));
    }
    bundle.insert("setup.conf", std::fs::read(directory.join("crs-setup.conf.example")).unwrap_or_default());
    bundle.insert(
        "main.conf",
        "SecRuleEngine On\nSecResponseBodyAccess On\nSecArgumentsLimit 100000\n\
         SecRule REQUEST_HEADERS:Content-Type json \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON\"\n\
         SecRule REQUEST_HEADERS:Content-Type xml \"id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML\"\n\
         Include setup.conf\nSecAction \"id:3,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=1\"\nInclude rules/*.conf\n",
    );
    Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors.first().expect("an error")))
}

/// The engine that runs requests.
struct Engine<'r> {
    rules: &'r Ruleset,
    scratch: Scratch,
}

impl Engine<'_> {
    /// Returns the rates of a request with its body once, twice and four times. Each is run twice:
    /// caches warm up, and what counts is the cost of the second time.
    fn growth(&mut self, input: &[u8]) -> [u64; 3] {
        let head =
            input.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(2).map_or(input.len(), |(at, _)| at + 1);
        let (head, body) = input.split_at(head);
        [1, 2, 4].map(|times| {
            let input = [head, &body.repeat(times)].concat();
            self.rate(&input);
            self.rate(&input)
        })
    }

    /// Runs a request through all phases, to their end whatever it does; returns the reads for each
    /// of its bytes.
    fn rate(&mut self, input: &[u8]) -> u64 {
        let before = taken();
        self.run(input);
        taken().wrapping_sub(before) / (input.len() as u64 + BASE_BYTES)
    }

    fn run(&mut self, input: &[u8]) {
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
    }
}
