//! Debian's Core Rule Set 3.3 opens two records on every request and looks at one. What is not
//! looked at is not asked for; what is switched on works as its rules mean it.

use fosse_seclang::{
    Arena, Bundle, Change, Collection, Environment, Load, Now, Outcome, Record, RecordAddress, Ruleset, Schedule,
    Scratch, Store, Transaction,
};
use std::collections::HashMap;
use std::path::Path;

const RULES: &str = "/usr/share/modsecurity-crs/rules";
const SETUP: &str = "/etc/modsecurity/crs/crs-setup.conf";

/// The rule set with more setup in front, or one line about what is missing.
fn core_rule_set(more: &str) -> Option<Ruleset> {
    if !Path::new(RULES).is_dir() || !Path::new(SETUP).is_file() {
        println!("skipped: no modsecurity-crs on this machine");
        return None;
    }
    let mut bundle = Bundle::new();
    let mut main = format!("Include setup.conf\n{more}\n");
    bundle.insert("setup.conf", std::fs::read(SETUP).unwrap());
    let mut files: Vec<_> = std::fs::read_dir(RULES).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        bundle.insert(&name, std::fs::read(&path).unwrap());
        if name.ends_with(".conf") {
            main.push_str(&format!("Include {name}\n"));
        }
    }
    bundle.insert("main.conf", main);
    Some(Ruleset::compile(&bundle, "main.conf").unwrap_or_else(|errors| panic!("{}", errors[0])))
}

/// Keeps records as fosse-store does, replies late, and counts requests.
#[derive(Default)]
struct Keeper {
    records: HashMap<(Collection, Vec<u8>), Record>,
    asked: Vec<Collection>,
    saved: usize,
    now: u64,
}

impl Store for Keeper {
    fn load(&mut self, place: RecordAddress<'_>) -> Load {
        self.asked.push(place.collection);
        Load::Later
    }

    fn save(&mut self, place: RecordAddress<'_>, changes: &[(Vec<u8>, Change)], _timeout_seconds: u32) {
        let record = self.records.entry((place.collection, place.key.to_vec())).or_default();
        changes.iter().for_each(|(name, change)| assert!(record.apply(name, change, self.now)));
        record.kept(self.now);
        self.saved += 1;
    }
}

/// One request of 192.0.2.7: what became of it, and how often it had to wait.
fn request(rules: &Ruleset, store: &mut Keeper) -> (Outcome, usize) {
    let (mut scratch, mut schedule, mut waits) = (Scratch::default(), || Schedule::Go, 0);
    let now = Now { seconds: store.now, elapsed_micros: 0 };
    let mut transaction = Transaction::new(rules, Arena::default(), now);
    transaction.connection("192.0.2.7".parse().unwrap(), 1, "192.0.2.1".parse().unwrap(), 2);
    transaction.request_line(b"GET /shop HTTP/1.1", b"GET", b"/shop", b"HTTP/1.1");
    for (name, value) in [("Host", "a.example"), ("User-Agent", "Mozilla/5.0"), ("Accept", "*/*")] {
        transaction.header(name.as_bytes(), value.as_bytes());
    }
    let mut decided = Outcome::Continue;
    for phase in [1, 2, 5] {
        if phase == 2 {
            transaction.request_body(b"");
        }
        loop {
            let mut env = Environment { scratch: &mut scratch, schedule: &mut schedule, store };
            let outcome = match phase {
                1 => transaction.phase1(&mut env),
                2 => transaction.phase2(&mut env),
                _ => transaction.phase5(&mut env),
            };
            if outcome != Outcome::Wait {
                decided = if outcome == Outcome::Continue { decided } else { outcome };
                break;
            }
            waits += 1;
            let wanted: Vec<_> = transaction.wanted().map(|place| (place.collection, place.key.to_vec())).collect();
            for place in wanted {
                let record = store.records.get(&place).cloned().unwrap_or_default();
                transaction.provide(place.0, record);
            }
        }
    }
    (decided, waits)
}

#[test]
fn as_it_comes_it_asks_once_for_one_record_and_changes_nothing() {
    let Some(rules) = core_rule_set("") else { return };
    assert!(rules.keeps_records());
    let mut store = Keeper { now: 1000, ..Keeper::default() };
    assert_eq!(request(&rules, &mut store), (Outcome::Continue, 1));
    assert_eq!((store.asked.as_slice(), store.saved), ([Collection::Ip].as_slice(), 0));
}

#[test]
fn its_flood_protection_blocks_an_address_and_lets_it_in_again() {
    let setup = "SecAction \"id:900700,phase:1,nolog,pass,t:none,setvar:'tx.dos_burst_time_slice=60',\
                 setvar:'tx.dos_counter_threshold=10',setvar:'tx.dos_block_timeout=600'\"";
    let Some(rules) = core_rule_set(setup) else { return };
    let mut store = Keeper { now: 1000, ..Keeper::default() };
    let passed = (0..100).take_while(|_| request(&rules, &mut store).0 == Outcome::Continue).count();
    assert!((19..=21).contains(&passed), "two bursts of ten, and then no more: {passed}");
    assert!(matches!(request(&rules, &mut store).0, Outcome::Drop { rule: 912_130 }));
    store.asked.clear();
    assert_eq!(request(&rules, &mut store).1, 1, "one wait serves all of a request");
    store.now += 601;
    assert_eq!(request(&rules, &mut store).0, Outcome::Continue);
}
