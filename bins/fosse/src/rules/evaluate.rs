//! One request run through the rules, as waf-filter does it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use fosse_ftw::Parsed;
use fosse_seclang::{Arena, Environment, NoStore, Now, Outcome, Ruleset, Schedule, Scratch, Transaction};

/// An address for documentation (RFC 5737): rules that trust this machine must not trust the
/// request.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// Returns the time that rules see.
pub(crate) fn now() -> Now {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Now { seconds, elapsed_micros: 0 }
}

/// Begins a transaction that has no part of a request yet.
pub(crate) fn begin(rules: &Ruleset, arena: Arena) -> Transaction<'_> {
    Transaction::new(rules, arena, now())
}

/// Evaluates phases 1 and 2, and 5 whatever their outcome.
pub(crate) fn evaluate(transaction: &mut Transaction<'_>, request: &Parsed, scratch: &mut Scratch) -> Outcome {
    let (mut schedule, mut store) = (|| Schedule::Go, NoStore);
    let mut env = Environment { scratch, schedule: &mut schedule, store: &mut store };
    transaction.connection(CLIENT, 40_000, IpAddr::V4(Ipv4Addr::LOCALHOST), 80);
    transaction.unique_id(b"0000000000000001");
    transaction.request_line(&request.line, &request.method, &request.uri, &request.version);
    for (name, value) in &request.headers {
        transaction.header(name, value);
    }
    let mut outcome = transaction.phase1(&mut env);
    if outcome == Outcome::Continue {
        transaction.request_body(&request.body);
        outcome = transaction.phase2(&mut env);
    }
    transaction.phase5(&mut env);
    outcome
}
