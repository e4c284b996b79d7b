//! `fosse status`: the counters of an edge, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use fosse_args::Args;
use fosse_die::{EXIT_TEMPORARY, Severity, say};

use crate::{
    PROGRAM,
    edge::{Edge, Row},
    output::print,
};

/// Time between two looks with `--watch`.
const WATCH_EACH: Duration = Duration::from_secs(1);
/// Moves to the top left and erases everything below (ECMA-48: CUP, ED).
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Runs the command.
pub(crate) fn run(words: &Args) -> i32 {
    match shown(words) {
        Ok(status) => status,
        Err(why) => {
            say(PROGRAM, Severity::Fatal, why);
            EXIT_TEMPORARY
        }
    }
}

fn shown(words: &Args) -> Result<i32, String> {
    let edge = Edge::of(words)?;
    let mut before: Option<u64> = None;
    loop {
        let text = if words.has("--json") { edge.page("/status.json")? } else { table(&edge, &mut before)? };
        if !words.has("--watch") {
            return Ok(print(&text));
        }
        print(&if words.has("--json") { text } else { format!("{CLEAR}{text}") });
        std::thread::sleep(WATCH_EACH);
    }
}

fn table(edge: &Edge, before: &mut Option<u64>) -> Result<String, String> {
    let (rows, start) = (edge.rows()?, edge.start_pid()?);
    let requests = sum(&rows, "parse", "requests");
    // A rate. The sum may shrink: a process that has ended may be counted neither as living nor as
    // dead in one look.
    let rate = before.replace(requests).map(|before| requests.saturating_sub(before));
    let rate = rate.map(|rate| format!(", {rate} requests/s")).unwrap_or_default();
    let mut out = format!("fosse-start {start}: {} processes, {requests} requests{rate}\n", living(&rows).count());
    out.push_str(&lanes(&rows));
    out.push_str(&servers(&edge.page("/servers.txt")?));
    out.push_str(&counters(&rows));
    Ok(out)
}

fn living(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| row.pid.is_some())
}

/// Returns the sum over the living and the dead.
fn sum(rows: &[Row], program: &str, name: &str) -> u64 {
    rows.iter().filter(|row| row.program == program).map(|row| row.count(name)).fold(0, u64::wrapping_add)
}

/// The columns of a lane: title, program, count.
const LANE_COLUMNS: &[(&str, &str, &str)] = &[
    ("CLIENTS", "parse", "connections"),
    ("REQUESTS", "parse", "requests"),
    ("IN RING", "parse", "streams"),
    ("DENIED", "waf-filter", "denied"),
    ("BACKEND", "dispatch", "backend_connections"),
    ("IDLE", "dispatch", "backend_idle"),
    ("PINNED", "dispatch", "pinned"),
    ("502", "dispatch", "bad_gateway"),
    ("503", "dispatch", "unavailable"),
    ("504", "dispatch", "gateway_timeout"),
    ("DOWN", "dispatch", "servers_down"),
];

fn lanes(rows: &[Row]) -> String {
    let mut by_lane: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    for row in living(rows) {
        if let Some(lane) = row.lane {
            by_lane.entry(lane).or_default().push(row);
        }
    }
    let mut out = format!("\n{:>6} {:8}", "LANE", "STATE");
    for (title, ..) in LANE_COLUMNS {
        let _ = write!(out, " {title:>9}");
    }
    out.push_str("  PIDS\n");
    for (lane, members) in by_lane {
        let state = if members.iter().any(|row| row.count("draining") != 0) { "draining" } else { "live" };
        let _ = write!(out, "{lane:>6} {state:8}");
        for (_, program, name) in LANE_COLUMNS {
            let count: u64 = members.iter().filter(|row| row.program == *program).map(|row| row.count(name)).sum();
            let _ = write!(out, " {count:>9}");
        }
        let pids: Vec<String> = members.iter().map(|row| format!("{} {}", row.program, row.pid.unwrap_or(0))).collect();
        let _ = writeln!(out, "  {}", pids.join(", "));
    }
    out
}

/// Returns the servers of all lanes together, from lines
/// `lane pid up|down failures connections requests name`.
fn servers(lines: &str) -> String {
    let mut all: BTreeMap<&str, Server> = BTreeMap::new();
    for line in lines.lines() {
        let mut words = line.splitn(7, ' ').skip(2);
        // Numbers of 32 bits, so that no sum of lines overflows.
        let number = |text: Option<&str>| text.and_then(|t| t.parse::<u32>().ok()).map_or(0, u64::from);
        let up = words.next() == Some("up");
        let (_, open, busy) = (words.next(), number(words.next()), number(words.next()));
        let Some(name) = words.next() else { continue };
        let server = all.entry(name).or_default();
        server.lanes += 1;
        server.up += u64::from(up);
        server.open += open;
        server.busy += busy;
    }
    let mut out = format!("\n{:16} {:>11} {:>9}  SERVER\n", "STATE", "CONNECTIONS", "REQUESTS");
    for (name, s) in all {
        let state = match s.lanes - s.up {
            0 => "up".to_owned(),
            down => format!("down in {down} of {}", s.lanes),
        };
        let _ = writeln!(out, "{state:16} {:>11} {:>9}  {name}", s.open, s.busy);
    }
    out
}

/// The sums of a server over all lanes.
#[derive(Debug, Default)]
struct Server {
    lanes: u64,
    up: u64,
    open: u64,
    busy: u64,
}

/// Returns every counter that is not 0, by program, over all lanes and those that are gone.
fn counters(rows: &[Row]) -> String {
    let mut sums: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        for (name, count) in row.counts.iter().filter(|(name, _)| !matches!(name.as_str(), "turns" | "draining")) {
            let sum = sums.entry((&row.program, name)).or_default();
            // The longest of several is no sum.
            *sum = if name == "turn_us_longest" { (*sum).max(*count) } else { sum.wrapping_add(*count) };
        }
    }
    let mut out = String::new();
    let mut last = "";
    for ((program, name), count) in sums.into_iter().filter(|(_, count)| *count > 0) {
        if program != last {
            let alone: Vec<String> = living(rows)
                .filter(|row| row.program == program && row.lane.is_none())
                .filter_map(|row| row.pid.map(|pid| format!(" {pid}")))
                .collect();
            let _ = writeln!(out, "\n{program}{}", alone.concat());
            last = program;
        }
        let _ = writeln!(out, "  {name:24} {count:>14}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(program: &str, lane: Option<u32>, pid: Option<u32>, counts: &[(&str, u64)]) -> Row {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Row { program: program.into(), lane, pid, counts }
    }

    #[test]
    fn a_server_is_one_line_and_says_in_how_many_lanes_it_is_down() {
        let text = servers("0 20 up 0 2 1 unix:/a\n1 21 down 3 2 0 unix:/a\n1 21 up 0 0 0 127.0.0.1:1\nbroken\n");
        let lines: Vec<String> =
            text.lines().skip(2).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, ["up 0 0 127.0.0.1:1", "down in 1 of 2 4 1 unix:/a"]);
    }

    #[test]
    fn a_lane_is_one_line_and_the_dead_count_in_the_sums() {
        let rows = [
            row("log", None, Some(4), &[("lines", 3)]),
            row("parse", Some(2), Some(5), &[("requests", 7), ("connections", 1), ("draining", 1), ("turns", 4)]),
            row("dispatch", Some(2), Some(6), &[("bad_gateway", 1), ("requests", 7)]),
            row("parse", None, None, &[("requests", 10)]),
        ];
        let text = lanes(&rows);
        let line: Vec<&str> = text.lines().nth(2).unwrap().split_whitespace().collect();
        assert_eq!(line[..4], ["2", "draining", "1", "7"], "{text}");
        assert!(text.ends_with("  parse 5, dispatch 6\n"), "{text}");
        let text = counters(&rows);
        assert!(text.contains("\nlog 4\n  lines "), "{text}");
        assert!(text.lines().any(|l| l.split_whitespace().eq(["requests", "17"])) && !text.contains("turns"), "{text}");
    }
}
