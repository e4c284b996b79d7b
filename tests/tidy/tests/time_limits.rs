//! Every key of fosse.toml that is a time, and the kind of limit that it sets. A limit that two
//! keys set, or a key that sets two, would leave its owner to guess which of them ended a
//! connection.

use std::collections::{BTreeMap, BTreeSet};

use fosse_tidy::source::code;
use fosse_tidy::{File, files, none, read};

const CONNECT: &str = "bins/connect";
const CONNECT_TLS: &str = "bins/connect-tls";
const DISPATCH: &str = "bins/dispatch";
const PARSE: &str = "bins/parse";
const PARSE_H2: &str = "bins/parse-h2";
const TLS: &str = "bins/tls";

/// A table of fosse.toml(5), a key of it, the kind of limit that it sets, and the programs that
/// have such waits.
const LIMITS: &[(&str, &str, &str, &[&str])] = &[
    ("[timeouts]", "head_seconds", "Head", &[PARSE, PARSE_H2]),
    ("[timeouts]", "body_seconds", "Body", &[PARSE]),
    ("[timeouts]", "idle_seconds", "Idle", &[PARSE, PARSE_H2]),
    ("[timeouts]", "write_seconds", "Write", &[DISPATCH, PARSE, PARSE_H2, TLS]),
    ("[tls]", "handshake_seconds", "Handshake", &[TLS]),
    ("[[backend]]", "queue_seconds", "Queue", &[DISPATCH]),
    ("[[backend]]", "pool_idle_seconds", "Pool", &[DISPATCH]),
    ("[site.forward_auth]", "decision_seconds", "Access", &[DISPATCH]),
    ("[[backend]]", "connect_seconds", "Connect", &[CONNECT, CONNECT_TLS]),
    ("[[backend]]", "first_byte_seconds", "FirstByte", &[DISPATCH]),
    ("[[backend]]", "idle_seconds", "Idle", &[DISPATCH]),
];

/// Keys that are times and end no wait, and why.
const NO_LIMITS: &[(&str, &str, &str)] = &[
    ("top", "drain_seconds_max", "it ends a generation"),
    ("top", "stop_seconds_max", "it ends the edge"),
    ("top", "slow_request_seconds", "it ends nothing, and writes a line"),
    ("[[listen]]", "keepalive_seconds", "the kernel asks, and ends what does not reply"),
    ("[[site]]", "rules_milliseconds_max", "time of the processor, which the engine counts"),
    ("[[site]]", "body_seconds", "that of [timeouts], for one site"),
    ("[[site]]", "first_byte_seconds", "that of [[backend]], for one site"),
    ("[[site]]", "idle_seconds", "that of [[backend]], for one site"),
    ("[[site]]", "cache_seconds", "the age of what is kept, which is looked at when it is asked for"),
    ("[[site.route]]", "cache_seconds", "that of [[site]], for one route"),
    ("[[site.route]]", "rules_milliseconds_max", "that of [[site]], for one route"),
    ("[[site.route]]", "body_seconds", "that of [timeouts], for one route"),
    ("[[site.route]]", "first_byte_seconds", "that of [[backend]], for one route"),
    ("[[site.route]]", "idle_seconds", "that of [[backend]], for one route"),
    ("[site.cors]", "max_age_seconds", "browsers keep it"),
    ("[backend.health]", "interval_seconds", "a check has no client"),
    ("[backend.health]", "rest_seconds", "a state of a server, which is looked at when one is chosen"),
    ("[backend.health]", "slow_start_seconds", "a share of the requests"),
    ("[backend.retry]", "seconds_max", "it ends no wait, and is looked at when one has ended"),
];

/// Kinds that no key sets alone, where they are, and why.
const WITHOUT_A_KEY: &[(&str, &str, &str)] = &[
    (PARSE, "Continue", "EXPECT_MS_MAX"),
    (PARSE, "HangUp", "HANG_UP_MS"),
    (PARSE, "Pace", "a rate says when the next bytes may go"),
    (PARSE, "Linger", "fosse-limits(7) has it"),
    (PARSE_H2, "Linger", "fosse-limits(7) has it"),
    (TLS, "Ended", "ENDED_MS_MAX"),
    (TLS, "Linger", "fosse-limits(7) has it"),
    (DISPATCH, "Cache", "CACHE_WAIT_MS_MAX"),
    (DISPATCH, "Continue", "CONTINUE_MS"),
    (DISPATCH, "Pause", "BUFFERED_PAUSE_MS_MAX"),
    (DISPATCH, "Reply", "connect_seconds and queue_seconds together, so that it is never over before them"),
];

/// The keys of the page that take a time, each with its table.
fn times_of_the_page() -> BTreeSet<(String, String)> {
    let page = read("man/fosse.toml.5");
    let tables =
        page.split(".\\\" The tables below").nth(1).and_then(|rest| rest.split(".\\\" End of the tables").next());
    let (mut keys, mut table, mut key) = (BTreeSet::new(), String::new(), String::new());
    for line in tables.expect("the page has the tables").lines() {
        if let Some(title) = line.strip_prefix(".Ss ") {
            let title = title.trim_end_matches("\\&");
            table = if title.starts_with('[') { title.to_owned() } else { "top".to_owned() };
            key.clear();
        } else if let Some(name) = line.strip_prefix(".It Ic ") {
            key = name.to_owned();
        }
        if key.contains("seconds") || !key.is_empty() && line.contains("number of seconds") {
            keys.insert((table.clone(), key.clone()));
        }
    }
    keys
}

#[test]
fn every_key_that_is_a_time_sets_one_kind_of_limit_or_says_why_none() {
    let named = |(table, key): &(&str, &str)| ((*table).to_owned(), (*key).to_owned());
    let rows: Vec<_> = LIMITS.iter().map(|(table, key, ..)| (*table, *key)).collect();
    let others: Vec<_> = NO_LIMITS.iter().map(|(table, key, _)| (*table, *key)).collect();
    let here: BTreeSet<_> = rows.iter().chain(&others).map(named).collect();
    assert_eq!(here.len(), LIMITS.len() + NO_LIMITS.len(), "a key has two rows");
    let page = times_of_the_page();
    none("times without a row", &page.difference(&here).map(|key| format!("{key:?}")).collect::<Vec<_>>());
    none("rows that are no times", &here.difference(&page).map(|key| format!("{key:?}")).collect::<Vec<_>>());
}

/// The code of a program, without comments and tests.
fn source(files: &[File], program: &str) -> String {
    let of = |file: &&File| {
        file.is_source() && file.path.starts_with(&format!("{program}/src/")) && !file.path.contains("/tests/")
    };
    let lines = files.iter().filter(of).flat_map(|file| file.without_tests().lines().map(code).collect::<Vec<_>>());
    lines.collect::<Vec<_>>().join(" ")
}

/// The kinds that a program's enums of that name have.
fn kinds(source: &str) -> BTreeSet<String> {
    let enums = source.split("enum Limit {").skip(1).filter_map(|rest| rest.split('}').next());
    let kinds = enums.flat_map(|body| body.split(',')).map(|kind| kind.trim().to_owned());
    kinds.filter(|kind| !kind.is_empty()).collect()
}

/// What follows up to the end of the arguments, or of the arm.
fn arguments(rest: &str) -> &str {
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0 || c == ';' || depth == 0 && c == ','
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Every place where a limit is started, or its time is looked up: the kind, and the keys there.
fn started(source: &str) -> Vec<(String, Vec<String>)> {
    let places = ["Limit::", "Self::"].into_iter().flat_map(|name| source.split(name).skip(1));
    let mut started = Vec::new();
    for place in places {
        let kind: String = place.chars().take_while(|c| c.is_alphanumeric()).collect();
        let rest = place[kind.len()..].trim_start();
        let Some(rest) = rest.strip_prefix(',').or_else(|| rest.strip_prefix("=>")) else { continue };
        let words = arguments(rest).split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mut keys: Vec<String> = words.filter(|word| word.contains("_seconds")).map(str::to_owned).collect();
        // A policy has one for its site or route, and else it is the edge's: the same key.
        keys.dedup();
        if !keys.is_empty() {
            started.push((kind, keys));
        }
    }
    started
}

#[test]
fn every_limit_is_started_with_the_time_of_its_key_and_no_other() {
    let files = files();
    let mut wrong = Vec::new();
    for program in [CONNECT, DISPATCH, PARSE] {
        let text = source(&files, program);
        let of_key: BTreeMap<&str, &str> =
            LIMITS.iter().filter(|row| row.3.contains(&program)).map(|(_, key, kind, _)| (*kind, *key)).collect();
        let alone: BTreeSet<&str> =
            WITHOUT_A_KEY.iter().filter(|row| row.0 == program).map(|(_, kind, _)| *kind).collect();
        let here: BTreeSet<String> = of_key.keys().chain(&alone).map(|kind| (*kind).to_owned()).collect();
        assert_eq!(kinds(&text), here, "{program} has these kinds");
        let mut seen = BTreeSet::new();
        for (kind, keys) in started(&text) {
            match of_key.get(kind.as_str()) {
                Some(key) if keys == [*key] => drop(seen.insert(*key)),
                None if alone.contains(kind.as_str()) => {}
                _ => wrong.push(format!("{program}: {kind} with {keys:?}")),
            }
        }
        let missing = of_key.values().filter(|key| !seen.contains(*key));
        wrong.extend(missing.map(|key| format!("{program}: nothing is started with {key}")));
    }
    none("limits with the time of another key", &wrong);
}
