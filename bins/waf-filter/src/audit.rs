//! The audit log: one JSON object a line for every request in which rules matched or that was refused. A line is never
//! longer than a pipe takes at once; what does not fit is left out and counted in it.

use std::io::Write;

use fosse_seclang::Match;
use fosse_wire::request::RequestHead;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    case::{Case, Denial},
    limits::AUDIT_BYTES_MAX,
    report::{Action, answer_score, distinct, score, shown},
    secrets,
};

/// The severities by their numbers.
const SEVERITIES: [&str; 8] = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Room kept for what closes a line.
const CLOSING_BYTES: usize = 64;

/// The line of a request, its end included.
#[must_use]
pub fn line(action: Action, head: &RequestHead<'_>, denial: Option<&Denial>, case: Option<&Case>) -> Vec<u8> {
    let mut out = Vec::with_capacity(AUDIT_BYTES_MAX);
    about(&mut out, action, head, denial, case);
    let left_out = messages(&mut out, case);
    headers(&mut out, head);
    if left_out > 0 {
        let _ = write!(out, ",\"messages_left_out\":{left_out}");
    }
    out.extend_from_slice(b"}\n");
    out
}

/// The rules that matched: each in full while there is room, then in short, so that none is missing. How many matches are told
/// in short or not at all.
fn messages(out: &mut Vec<u8>, case: Option<&Case>) -> usize {
    out.extend_from_slice(b",\"messages\":[");
    let matches: Vec<Match<'_>> = case
        .into_iter()
        .flat_map(|case| case.transaction.matches())
        .filter(|one| one.is_audited() || one.is_logged())
        .collect();
    // Rules that no message has told of yet, in short.
    let mut untold: Vec<(u32, Vec<u8>)> = Vec::new();
    for id in distinct(matches.iter().copied()) {
        untold.extend(matches.iter().find(|one| one.id() == id).map(|one| (id, short(one))));
    }
    if !fits(out, untold.iter().map(|(_, short)| short.len()).sum()) {
        untold.iter_mut().for_each(|(id, short)| *short = format!("{{\"id\":{id}}},").into_bytes());
    }
    let mut left_out = 0usize;
    for one in &matches {
        let place = untold.iter().position(|(id, _)| *id == one.id());
        let waiting = place.map(|at| untold.swap_remove(at).1);
        let reserve: usize = untold.iter().map(|(_, short)| short.len()).sum();
        let full = message(one, case);
        if fits(out, full.len().saturating_add(reserve)) {
            out.extend_from_slice(&full);
            continue;
        }
        left_out = left_out.saturating_add(1);
        out.extend_from_slice(&waiting.filter(|short| fits(out, short.len())).unwrap_or_default());
    }
    out.pop_if(|byte| *byte == b',');
    out.push(b']');
    left_out
}

/// A match in short: rule, variable and message.
fn short(one: &Match<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let _ = write!(out, "{{\"id\":{},\"variable\":", one.id());
    string(&mut out, shown(&one.variable()));
    let message = secrets::masked(shown(one.message()));
    if !message.is_empty() {
        out.extend_from_slice(b",\"message\":");
        string(&mut out, shown(&message));
    }
    out.extend_from_slice(b"},");
    out
}

fn fits(out: &[u8], bytes: usize) -> bool {
    out.len().saturating_add(bytes).saturating_add(CLOSING_BYTES) <= AUDIT_BYTES_MAX
}

fn about(out: &mut Vec<u8>, action: Action, head: &RequestHead<'_>, denial: Option<&Denial>, case: Option<&Case>) {
    let seconds = clock_gettime(ClockId::Realtime).tv_sec;
    let _ = write!(out, "{{\"time\":{seconds},\"request\":\"{:016x}\",\"action\":\"{}\"", head.request, action.word());
    if let Some(ip) = head.client.ip() {
        let _ = write!(out, ",\"client\":\"{ip}\",\"client_port\":{}", head.client.port);
    }
    let _ = write!(out, ",\"site\":{},\"host\":", head.site);
    string(out, shown(head.host));
    out.extend_from_slice(b",\"line\":");
    string(out, shown(&secrets::masked(shown(head.line))));
    if let Some(denial) = denial {
        let _ = write!(out, ",\"status\":{},\"cause\":\"{:?}\",\"rule\":{}", denial.status, denial.cause, denial.rule);
        out.extend_from_slice(b",\"reason\":");
        string(out, shown(&secrets::masked(&denial.message)));
    }
    if let Some(case) = case {
        if let Some(status) = case.answered {
            let _ = write!(out, ",\"answered\":{status}");
        }
        for (name, score) in [("score", score(case)), ("answer_score", answer_score(case))] {
            if let Some(score) = score {
                let _ = write!(out, ",\"{name}\":");
                string(out, shown(&score));
            }
        }
        let _ = write!(out, ",\"cpu_us\":{}", case.spent_us());
    }
}

/// A match in full.
fn message(one: &Match<'_>, case: Option<&Case>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    let (variable, (file, line)) = (one.variable(), one.place());
    let _ = write!(out, "{{\"id\":{},\"phase\":{},\"file\":", one.id(), one.phase());
    string(&mut out, shown(file.rsplit('/').next().unwrap_or(file).as_bytes()));
    let _ = write!(out, ",\"line\":{line}");
    if let Some(severity) = one.severity().and_then(|severity| SEVERITIES.get(usize::from(severity))) {
        let _ = write!(out, ",\"severity\":\"{severity}\"");
    }
    out.extend_from_slice(b",\"variable\":");
    string(&mut out, shown(&variable));
    let secret = secrets::is_secret_variable(&variable) || sanitised(&variable, case);
    for (name, text) in [("message", one.message()), ("data", one.data()), ("value", one.value())] {
        // Data and value, and what messages quote of them.
        let hidden = secret && name != "message" && !text.is_empty();
        let text = if hidden { secrets::MASK.to_vec() } else { secrets::masked(shown(text)) };
        if !text.is_empty() {
            let _ = write!(out, ",\"{name}\":");
            string(&mut out, shown(&text));
        }
    }
    out.extend_from_slice(b",\"tags\":[");
    for (at, tag) in one.tags().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        string(&mut out, shown(tag.as_bytes()));
    }
    out.extend_from_slice(b"]},");
    out
}

/// Whether the rules themselves ask for this variable to be masked.
fn sanitised(variable: &[u8], case: Option<&Case>) -> bool {
    let key = variable.iter().position(|byte| *byte == b':').and_then(|at| variable.get(at.saturating_add(1)..));
    let named =
        |name: &[u8]| name.eq_ignore_ascii_case(variable) || key.is_some_and(|key| key.eq_ignore_ascii_case(name));
    case.is_some_and(|case| case.transaction.sanitised().any(|(_, name)| named(name)))
}

/// The request's headers, as far as there is room.
fn headers(out: &mut Vec<u8>, head: &RequestHead<'_>) {
    out.extend_from_slice(b",\"headers\":[");
    let mut separator: &[u8] = b"";
    for (name, value) in head.fields {
        let mut item = separator.to_vec();
        item.push(b'[');
        string(&mut item, shown(name));
        item.push(b',');
        string(&mut item, shown(&secrets::header(name, shown(value))));
        item.push(b']');
        if !fits(out, item.len()) {
            break;
        }
        out.extend_from_slice(&item);
        separator = b",";
    }
    out.push(b']');
}

/// A JSON string (RFC 8259 section 7) of bytes: printable ASCII as it is, every other byte as the code point of its
/// number, so that any bytes give valid JSON and can be told again.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push(b'"');
}
