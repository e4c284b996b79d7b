//! `fosse rules explain`: every rule that matched a request, on what, and the score so far.

use std::fmt::Write as _;

use fosse_args::Args;
use fosse_die::{fatal, usage};
use fosse_ftw::{Parsed, parse};
use fosse_seclang::{Arena, Match, Outcome, Scratch, Transaction};

use super::evaluate::{begin, evaluate};
use super::source::{Source, paranoia};
use crate::PROGRAM;
use crate::output::print;

/// Sums of these are the score: of the built-in rules, and of the Core Rule Set 4 and 3 for each
/// paranoia level.
const SCORES: &[&str] = &[
    "score",
    "inbound_anomaly_score_pl1",
    "inbound_anomaly_score_pl2",
    "inbound_anomaly_score_pl3",
    "inbound_anomaly_score_pl4",
    "anomaly_score_pl1",
    "anomaly_score_pl2",
    "anomaly_score_pl3",
    "anomaly_score_pl4",
];

/// Bytes of a value or of an operator's argument that are shown.
const SHOWN_BYTES_MAX: usize = 160;

/// Explains a request; returns 1 where it is denied.
pub(crate) fn run(words: &Args) -> i32 {
    let Some(path) = words.value("--request") else {
        usage(
            PROGRAM,
            "rules explain needs --request FILE: a request as a client sends it, \"-\" for the standard input",
        )
    };
    let level = words.value("--paranoia").map(|text| match text.parse() {
        Ok(level @ 1..=4) => level,
        _ => usage(PROGRAM, &format!("--paranoia: '{text}' is none of 1 to 4")),
    });
    let request = read(path);
    let rules = Source::of(words.values("--rules")).compile(&level.map(paranoia).unwrap_or_default());
    let mut transaction = begin(&rules, Arena::default());
    transaction.explain();
    transaction.note_scores(SCORES.iter().copied());
    let outcome = evaluate(&mut transaction, &request, &mut Scratch::default());
    print(&report(&transaction, &request, &outcome));
    i32::from(outcome != Outcome::Continue)
}

fn read(path: &str) -> Parsed {
    let bytes = if path == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.unwrap_or_else(|error| fatal(PROGRAM, format_args!("{path}: {error}")));
    let mut request = parse(&bytes);
    let said = |name: &[u8]| request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if !said(b"content-length") && !said(b"transfer-encoding") {
        // A body in the file is meant as one; a client would have counted it.
        let ends: [&[u8]; 2] = [b"\r\n\r\n", b"\n\n"];
        let after = |end: &[u8]| bytes.windows(end.len()).position(|at| at == end).map(|at| at + end.len());
        let body = ends.iter().filter_map(|end| after(end)).min().map_or(&b""[..], |at| &bytes[at..]);
        if !body.is_empty() {
            request.body = body.to_vec();
            request.headers.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes()));
        }
    }
    request
}

fn report(transaction: &Transaction<'_>, request: &Parsed, outcome: &Outcome) -> String {
    let mut out = String::new();
    let (fields, body) = (request.headers.len(), request.body.len());
    let _ = writeln!(out, "request   {}: {fields} headers, {body} bytes of body", plain(&request.line));
    if request.refused {
        out.push_str("          fosse-parse would refuse it with 400 before any rule\n");
    }
    if let Some(error) = transaction.body_error() {
        let _ = writeln!(out, "body      {error}");
    }
    let mut silent = Vec::new();
    let mut score = 0;
    for found in transaction.matches() {
        if found.is_logged() {
            one(&found, &mut out);
        } else {
            silent.push(found.id().to_string());
        }
        score = found.score();
    }
    if !silent.is_empty() {
        let _ = writeln!(out, "unlogged  {}", silent.join(" "));
    }
    let _ = writeln!(out, "score     {score}");
    let _ = writeln!(out, "verdict   {}", verdict(outcome));
    out
}

fn one(found: &Match<'_>, out: &mut String) {
    let (file, line) = found.place();
    let (operator, argument) = found.operator();
    let _ = writeln!(out, "rule      {} in phase {}, {file}:{line}", found.id(), found.phase());
    if !found.message().is_empty() {
        let _ = writeln!(out, "  says    {}", plain(found.message()));
    }
    let _ = writeln!(out, "  test    @{operator} {}", cut(argument.as_bytes()));
    let _ = writeln!(out, "  on      {}", plain(&found.variable()));
    let chain = found.transformations();
    let after = if chain.is_empty() { "as it came".to_owned() } else { format!("after {}", chain.join(", ")) };
    let _ = writeln!(out, "  value   {} ({after})", cut(found.value()));
    let _ = writeln!(out, "  score   {} so far", found.score());
}

fn cut(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES_MAX) {
        Some(part) if part.len() < bytes.len() => format!("{}... ({} bytes)", plain(part), bytes.len()),
        _ => plain(bytes),
    }
}

fn verdict(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Deny { status, rule } => format!("denied with {status} by rule {rule}"),
        Outcome::Drop { rule } => format!("connection closed by rule {rule}"),
        Outcome::Redirect { status, location, rule } => {
            format!("sent with {status} to {} by rule {rule}", plain(location))
        }
        Outcome::Continue => "passes".to_owned(),
        Outcome::Yield | Outcome::Wait | Outcome::BudgetExceeded => "not finished".to_owned(),
    }
}

/// Escapes everything but printable ASCII as `\xHH`: no byte of a request may command the terminal.
fn plain(bytes: &[u8]) -> String {
    let one =
        |byte: &u8| if (b' '..=b'~').contains(byte) { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_is_explained_rule_by_rule_with_the_score_so_far() {
        let rules = Source::of(&[]).compile("");
        let request = parse(b"GET /?q=1%27+union+select+password+from+users--+-%1b[1m HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut transaction = begin(&rules, Arena::default());
        transaction.explain();
        transaction.note_scores(SCORES.iter().copied());
        let outcome = evaluate(&mut transaction, &request, &mut Scratch::default());
        let text = report(&transaction, &request, &outcome);
        for part in [
            "rule      1040 in phase 2, builtin:",
            "on      ARGS:q",
            "score   5 so far",
            "denied with 403 by rule 1901",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("after urlDecodeUni, removeNulls") && !text.contains('\x1b'), "{text}");
    }
}
