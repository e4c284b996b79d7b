//! The audit log: one JSON object a line for every request in which rules matched or that was
//! denied. A line is never longer than a pipe takes at once; what does not fit is left out and
//! counted in it.

use std::io::Write;

use fosse_eventloop::Timestamp;
use fosse_seclang::Match;
use fosse_settings::WafProfile;
use fosse_wire::request::RequestHead;

use super::{
    redact,
    summary::{Action, distinct, scores, shown},
};
use crate::{denial::Denial, evaluation::Evaluation, limits::AUDIT_BYTES_MAX};

/// Names of severities by their numbers (syslog(3)).
const SEVERITIES: [&str; 8] = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];

/// Room for what closes a line.
const CLOSING_BYTES: usize = 64;

/// Returns the line of a request, its end included.
pub(crate) fn line(
    action: Action,
    profile: &WafProfile,
    head: &RequestHead<'_>,
    denial: Option<&Denial>,
    evaluation: Option<&Evaluation>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(AUDIT_BYTES_MAX);
    about(&mut out, action, profile, head, denial, evaluation);
    let left_out = messages(&mut out, evaluation);
    headers(&mut out, head);
    if left_out > 0 {
        let _ = write!(out, ",\"messages_left_out\":{left_out}");
    }
    out.extend_from_slice(b"}\n");
    out
}

/// Writes the rules that matched: each in full while there is room, then in short, so that none is
/// missing. Returns how many matches are in short or left out.
fn messages(out: &mut Vec<u8>, evaluation: Option<&Evaluation>) -> usize {
    out.extend_from_slice(b",\"messages\":[");
    let matches: Vec<Match<'_>> = evaluation
        .into_iter()
        .flat_map(|evaluation| evaluation.transaction.matches())
        .filter(|one| one.is_audited() || one.is_logged())
        .collect();
    // In short, for rules that no message names yet: room for these is kept back.
    let mut unnamed: Vec<(u32, Vec<u8>)> = Vec::new();
    for id in distinct(matches.iter().copied()) {
        unnamed.extend(matches.iter().find(|one| one.id() == id).map(|one| (id, short(one))));
    }
    if !fits(out, unnamed.iter().map(|(_, short)| short.len()).sum()) {
        unnamed.iter_mut().for_each(|(id, short)| *short = format!("{{\"id\":{id}}},").into_bytes());
    }
    let mut left_out = 0;
    for one in &matches {
        let place = unnamed.iter().position(|(id, _)| *id == one.id());
        let waiting = place.map(|at| unnamed.swap_remove(at).1);
        let reserve: usize = unnamed.iter().map(|(_, short)| short.len()).sum();
        let full = message(one, evaluation);
        if fits(out, full.len() + reserve) {
            out.extend_from_slice(&full);
            continue;
        }
        left_out += 1;
        out.extend_from_slice(&waiting.filter(|short| fits(out, short.len())).unwrap_or_default());
    }
    out.pop_if(|byte| *byte == b',');
    out.push(b']');
    left_out
}

/// Returns a match in short: rule, variable and message.
fn short(one: &Match<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let _ = write!(out, "{{\"id\":{},\"variable\":", one.id());
    string(&mut out, shown(&one.variable()));
    let message = redact::masked(shown(one.message()));
    if !message.is_empty() {
        out.extend_from_slice(b",\"message\":");
        string(&mut out, shown(&message));
    }
    out.extend_from_slice(b"},");
    out
}

fn fits(out: &[u8], bytes: usize) -> bool {
    out.len() + bytes + CLOSING_BYTES <= AUDIT_BYTES_MAX
}

fn about(
    out: &mut Vec<u8>,
    action: Action,
    profile: &WafProfile,
    head: &RequestHead<'_>,
    denial: Option<&Denial>,
    evaluation: Option<&Evaluation>,
) {
    let (now, request) = (Timestamp::now(), head.request);
    let _ = write!(out, "{{\"time\":\"{now}\",\"request\":\"{request:016x}\",\"action\":\"{}\"", action.word());
    let _ = write!(out, ",\"connection\":{},\"client\":", head.connection);
    match head.client.ip() {
        Some(ip) => drop(write!(out, "\"{ip}\",\"client_port\":{}", head.client.port)),
        None => out.extend_from_slice(b"\"unix\""),
    }
    out.extend_from_slice(b",\"site\":");
    string(out, profile.name.as_bytes());
    out.extend_from_slice(b",\"host\":");
    string(out, shown(head.host));
    out.extend_from_slice(b",\"line\":");
    string(out, shown(&redact::masked(shown(head.line))));
    if let Some(denial) = denial {
        let _ =
            write!(out, ",\"status\":{},\"cause\":\"{}\",\"rule\":{}", denial.status, denial.cause.word(), denial.rule);
        out.extend_from_slice(b",\"reason\":");
        string(out, shown(&redact::masked(&denial.message)));
    }
    if let Some(evaluation) = evaluation {
        if let Some(status) = evaluation.response_status {
            let _ = write!(out, ",\"response_status\":{status}");
        }
        for (name, score) in scores(evaluation) {
            let _ = write!(out, ",\"{name}\":");
            match std::str::from_utf8(&score).ok().and_then(|score| score.parse::<i64>().ok()) {
                Some(score) => drop(write!(out, "{score}")),
                // A variable of the rules, who may put anything there.
                None => string(out, shown(&score)),
            }
        }
        let _ = write!(out, ",\"cpu_us\":{}", evaluation.spent_us());
    }
}

/// Returns a match in full.
fn message(one: &Match<'_>, evaluation: Option<&Evaluation>) -> Vec<u8> {
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
    let secret = redact::is_secret_variable(&variable) || sanitised(&variable, evaluation);
    for (name, text) in [("message", one.message()), ("data", one.data()), ("value", one.value())] {
        // Of a secret variable the data and the value; its message is masked as any text is.
        let hidden = secret && name != "message" && !text.is_empty();
        let text = if hidden { redact::MASK.to_vec() } else { redact::masked(shown(text)) };
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

/// Tells whether the rules ask for this variable to be masked (sanitiseArg and its kin).
fn sanitised(variable: &[u8], evaluation: Option<&Evaluation>) -> bool {
    let key = variable.iter().position(|byte| *byte == b':').and_then(|at| variable.get(at + 1..));
    let named =
        |name: &[u8]| name.eq_ignore_ascii_case(variable) || key.is_some_and(|key| key.eq_ignore_ascii_case(name));
    evaluation.is_some_and(|evaluation| evaluation.transaction.sanitised().any(|(_, name)| named(name)))
}

/// Writes the request's headers, as far as there is room.
fn headers(out: &mut Vec<u8>, head: &RequestHead<'_>) {
    out.extend_from_slice(b",\"headers\":[");
    let mut separator: &[u8] = b"";
    for (name, value) in head.fields {
        let mut item = separator.to_vec();
        item.push(b'[');
        string(&mut item, shown(name));
        item.push(b',');
        string(&mut item, shown(&redact::header(name, shown(value))));
        item.push(b']');
        if !fits(out, item.len()) {
            break;
        }
        out.extend_from_slice(&item);
        separator = b",";
    }
    out.push(b']');
}

/// Writes bytes as a JSON string (RFC 8259 section 7): printable ASCII as it is, every other byte
/// as the code point of its number, so that any bytes give valid JSON and can be read back.
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
