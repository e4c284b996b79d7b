//! `fosse status`: what one wants to know first, in 80 columns.

use std::fmt::Write as _;

use super::{
    Sample,
    traffic::{fitted, milliseconds},
};

/// Columns of the widest line.
const COLUMNS: usize = 80;

/// Bytes of a server's name, which is printable ASCII, beside what is said of it.
const NAME_BYTES: usize = 39;

/// A line of the summary: its title, a program, and counts of it with their words.
type Line = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const LINES: &[Line] = &[
    ("clients", "parse", &[("connections", "connected"), ("upgraded", "upgraded")]),
    ("requests", "parse", &[("requests", "taken"), ("refused", "refused"), ("timeouts", "late")]),
    ("firewall", "waf-filter", &[("denied", "denied"), ("detected", "detected"), ("over_budget", "over budget")]),
    ("servers", "dispatch", &[("bad_gateway", "502"), ("unavailable", "503"), ("gateway_timeout", "504")]),
    ("retries", "dispatch", &[("retries", "sent again"), ("retries_refused", "over budget")]),
    ("mirrors", "dispatch", &[("mirrored", "copies sent"), ("mirrors_dropped", "dropped")]),
    ("accept", "accept", &[("denied", "denied"), ("penalised", "penalised"), ("limited_address", "over limit")]),
];

/// The counts that are sums of what is open now: those of the dead are no part of them.
const GAUGES: &[&str] = &["connections", "upgraded"];

/// Returns the page. Rates are those since `before`; without it the one that the edge tells.
pub(super) fn page(now: &Sample, before: Option<&Sample>) -> String {
    let generation = now.generation.map(|number| format!("generation {number}, ")).unwrap_or_default();
    let (version, pid, up) = (&now.version, now.pid, age(now.up_s));
    let mut out = format!("fosse {version}, {generation}process {pid}, up {up}, {}\n", lanes(now));
    let _ = writeln!(out, "reload    {}", cut(&now.reload, COLUMNS - 10));
    for (title, program, counts) in LINES {
        let mut line = format!("{title:9}");
        for (name, words) in *counts {
            let count = if GAUGES.contains(name) { now.of_living(program, name) } else { now.sum(program, name) };
            let _ = write!(line, " {count} {words},");
        }
        if *title == "requests" {
            let rate = before.map(|before| now.rate(before, "parse", "requests")).or(now.requests_per_second);
            line.extend(rate.map(|rate| format!(" {rate}/s,")));
        }
        let _ = writeln!(out, "{}", line.trim_end_matches(','));
        if *title == "requests" {
            out.push_str(&responses(now, before));
        }
    }
    let _ = writeln!(out, "\n{:16} {:>11} {:>9}  SERVER", "STATE", "CONNECTIONS", "REQUESTS");
    for (name, server) in now.servers.iter().filter(|(name, server)| !server.is_unused(name)) {
        // The end of a long path is enough to know a server by.
        let weight = format!("{}{}", server.address(), server.weight());
        let bytes = NAME_BYTES - weight.len().min(NAME_BYTES);
        let name = &name[name.len().max(bytes) - bytes..];
        let _ = writeln!(out, "{:16} {:>11} {:>9}  {name}{weight}", server.state(), server.open, server.busy);
    }
    out
}

/// Returns what clients got, and how fast: of the time since `before`.
fn responses(now: &Sample, before: Option<&Sample>) -> String {
    let all = now.traffic.sum();
    let mut line = "responses".to_owned();
    for (class, count) in (1..).zip(all.statuses).skip(1) {
        let _ = write!(line, " {} {class}xx,", fitted(&count.to_string(), 8));
    }
    let number = |count: u64| fitted(&count.to_string(), 8);
    let _ = writeln!(line, " {} cut", number(all.aborted));
    let latest = before.map_or_else(|| all.clone(), |before| all.since(&before.traffic.sum()));
    let time = |percent| milliseconds(latest.times.quantile_us(percent));
    let _ = writeln!(line, "time      p50 {} ms, p99 {} ms; {} denied by rule", time(50), time(99), number(all.denied));
    line
}

fn lanes(now: &Sample) -> String {
    match now.lanes() {
        1 => "1 lane".to_owned(),
        lanes => format!("{lanes} lanes"),
    }
}

fn cut(text: &str, columns: usize) -> String {
    text.chars().take(columns).collect()
}

/// Returns a time in seconds as `3 d 04:05:06`.
fn age(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days} d {clock}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::status::{servers, tests::row, traffic::ByKind};

    fn sample(requests: u64, at_ms: u64) -> Sample {
        let huge = u64::from(u32::MAX);
        // Nothing, before the first request.
        let (most, times) = if requests == 0 { (0, "") } else { (u64::MAX, "0,1,98,0,1") };
        Sample {
            traffic: ByKind::read(&format!("site a 0 {most} {most} {most} {most} {most} {most} 9 {times}")),
            rows: vec![
                row("parse", Some(1), Some(5), &[("requests", requests), ("connections", huge), ("refused", huge)]),
                row("parse", None, None, &[("requests", 10), ("connections", 7)]),
                row("waf-filter", Some(1), Some(6), &[("denied", huge), ("detected", huge), ("over_budget", huge)]),
                row(
                    "dispatch",
                    Some(1),
                    Some(7),
                    &[("bad_gateway", huge), ("unavailable", huge), ("retries", huge), ("retries_refused", huge)],
                ),
            ],
            servers: BTreeMap::new(),
            rules: Vec::new(),
            version: "1.2.3".into(),
            generation: Some(u64::from(u32::MAX)),
            requests_per_second: None,
            pid: 4_194_304,
            up_s: 86_400 * 999 + 3_723,
            reload: "x".repeat(200),
            at_ms,
        }
    }

    #[test]
    fn it_fits_a_terminal_whatever_the_numbers_are() {
        let name = "x".repeat(300);
        let mut now = sample(u64::from(u32::MAX), 1000);
        now.servers = servers::read(&format!("0 20 up 0 {0} {0} 1 unix:/{name}/end\n", u32::MAX));
        let text = page(&now, Some(&sample(0, 0)));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("\ntime      p50 0.2 ms, p99 0.3 ms; "), "{text}");
        assert!(text.contains(", up 999 d 01:02:03, 1 lane\n") && text.ends_with("/end\n"), "{text}");
    }

    #[test]
    fn a_rate_is_that_of_the_time_between_two_looks_and_the_dead_have_no_connections() {
        let (before, mut now) = (sample(100, 1000), sample(1100, 3000));
        assert!(page(&now, Some(&before)).contains(" 500/s"));
        assert!(!page(&now, None).contains("/s"));
        now.requests_per_second = Some(7);
        assert!(page(&now, None).contains(" 7/s\n") && page(&now, Some(&before)).contains(" 500/s\n"));
        // A process that has ended may be counted neither as living nor as dead in one look.
        now.rows.clear();
        assert!(page(&now, Some(&before)).contains(" 0/s"));
        now = sample(1, 0);
        assert!(page(&now, None).contains("clients   4294967295 connected"));
    }
}
