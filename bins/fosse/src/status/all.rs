//! `fosse status --all`: every lane, process and counter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::living;
use crate::edge::Row;

/// Returns the tables.
pub(super) fn page(rows: &[Row]) -> String {
    format!("{}{}", lanes(rows), counters(rows))
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
    use crate::status::tests::row;

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
