//! The page for Prometheus, in its text format 0.0.4. Every label is a name of ours, or that of a
//! site, a backend or a server, which is printable ASCII without spaces, quotes and backslashes:
//! there is nothing to escape.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write as _};

use fosse_counters::{TABLES, TIME_BOUNDS_US, Times};
use fosse_wire::launch::Program;

use crate::pages::Pages;
use crate::traffic::Sums;

/// Returns the page: sums by program, and those of sites, backends and servers. Lanes and process
/// ids are no labels: they change with every reload, and a label with ever new values fills a time
/// series database.
pub(crate) fn metrics(pages: &Pages) -> String {
    let mut out = String::new();
    programs(&mut out, pages);
    counters(&mut out, pages);
    servers(&mut out, pages);
    traffic(&mut out, "site", &pages.traffic(Program::Parse));
    traffic(&mut out, "backend", &pages.traffic(Program::Dispatch));
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn programs(out: &mut String, pages: &Pages) {
    family(out, "fosse_processes", "gauge", "living processes of a program");
    for program in Program::ALL {
        let count = pages.count(program.name());
        if count > 0 {
            let _ = writeln!(out, "fosse_processes{{program=\"{}\"}} {count}", program.name());
        }
    }
    let name = "fosse_turn_longest_microseconds";
    family(out, name, "gauge", "longest turn of a living process of a program");
    for (program, _) in TABLES {
        let longest_us = pages.living().iter().filter(|s| s.program == program).map(|s| s.long_turns().0).max();
        if let Some(longest_us) = longest_us {
            let _ = writeln!(out, "{name}{{program=\"{program}\"}} {longest_us}");
        }
    }
}

fn counters(out: &mut String, pages: &Pages) {
    for (program, table) in TABLES {
        for (index, counter) in table.iter().enumerate() {
            let (kind, suffix) = if counter.gauge { ("gauge", "") } else { ("counter", "_total") };
            let name = format!("fosse_{}_{}{suffix}", program.replace('-', "_"), counter.name.to_ascii_lowercase());
            family(out, &name, kind, counter.help);
            let _ = writeln!(out, "{name} {}", pages.sum(program, index, counter.gauge));
        }
    }
}

/// A server is up where every lane that is not draining says so.
fn servers(out: &mut String, pages: &Pages) {
    let mut all: BTreeMap<String, (bool, u64, u64)> = BTreeMap::new();
    for shown in pages.living().into_iter().filter(|shown| !shown.draining()) {
        for server in shown.servers() {
            let (up, open, busy) = all.entry(server.name).or_insert((true, 0, 0));
            *up &= server.up;
            // Numbers of 32 bits, one a lane: the sums of 64 bits have room for all.
            *open += u64::from(server.open);
            *busy += u64::from(server.busy);
        }
    }
    type Value = fn(&(bool, u64, u64)) -> u64;
    let families: [(&str, &str, Value); 3] = [
        ("up", "1 where every lane gives the server requests", |v| u64::from(v.0)),
        ("connections", "connections open to the server", |v| v.1),
        ("requests", "requests under way at the server", |v| v.2),
    ];
    for (suffix, help, value) in families.into_iter().filter(|_| !all.is_empty()) {
        let name = format!("fosse_server_{suffix}");
        family(out, &name, "gauge", help);
        for (server, values) in &all {
            let _ = writeln!(out, "{name}{{server=\"{server}\"}} {}", value(values));
        }
    }
}

/// Sites and backends are labels: their names come from the configuration.
fn traffic(out: &mut String, label: &str, sums: &Sums) {
    if sums.is_empty() {
        return;
    }
    let name = format!("fosse_{label}_responses_total");
    family(out, &name, "counter", "responses by class of their status");
    for (of, traffic) in sums.iter() {
        for (class, count) in (1..).zip(traffic.statuses) {
            let _ = writeln!(out, "{name}{{{label}=\"{of}\",class=\"{class}xx\"}} {count}");
        }
    }
    let name = format!("fosse_{label}_aborted_total");
    family(out, &name, "counter", "exchanges that ended without a whole response");
    for (of, traffic) in sums.iter() {
        let _ = writeln!(out, "{name}{{{label}=\"{of}\"}} {}", traffic.aborted);
    }
    // Rules deny before a backend is chosen.
    if label == "site" {
        family(out, "fosse_site_denied_total", "counter", "requests and responses that a rule denied");
        for (of, traffic) in sums.iter() {
            let _ = writeln!(out, "fosse_site_denied_total{{site=\"{of}\"}} {}", traffic.denied);
        }
    }
    let name = format!("fosse_{label}_response_duration_seconds");
    let help = match label {
        "site" => "time from the head of a request to the end of its response",
        _ => "time from the end of a request to the head of the server's response",
    };
    family(out, &name, "histogram", help);
    sums.iter().for_each(|(of, traffic)| histogram(out, &name, &format!("{label}=\"{of}\""), &traffic.times));
}

/// Writes the series of a histogram, whose buckets are cumulative.
fn histogram(out: &mut String, name: &str, labels: &str, times: &Times) {
    let mut below: u64 = 0;
    for (bound_us, count) in TIME_BOUNDS_US.iter().zip(times.counts) {
        below = below.wrapping_add(count);
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {below}", Seconds(*bound_us));
    }
    let all = times.count();
    let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {all}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {all}", Seconds(times.sum_us));
}

/// Microseconds, written as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % 1_000_000);
        let fraction = fraction.trim_end_matches('0');
        let dot = if fraction.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{fraction}", self.0 / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::{page, page_of};
    use crate::text::tests::pages;

    #[test]
    fn prometheus_gets_one_sum_a_program_with_help_and_type() {
        let text = metrics(&pages());
        let wanted = "# HELP fosse_parse_requests_total requests begun\n# TYPE fosse_parse_requests_total counter\n\
                      fosse_parse_requests_total 7\n";
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains("fosse_processes{program=\"parse\"} 1\n"), "{text}");
        assert!(
            text.contains("# TYPE fosse_waf_filter_buffered_bytes gauge\nfosse_waf_filter_buffered_bytes 0\n"),
            "{text}"
        );
        assert!(text.lines().all(|l| l.starts_with('#') || l.split(' ').count() == 2), "{text}");
    }

    #[test]
    fn a_server_is_up_only_where_every_lane_says_so() {
        let mut pages = Pages::default();
        for (lane, up) in [(0, true), (1, false)] {
            let (counters, reader) = page();
            let server = fosse_counters::Server { name: "unix:/a".into(), up, open: 2, ..Default::default() };
            counters.set_server(0, &server);
            pages.add(Program::Dispatch as u8, lane, lane + 20, reader);
        }
        let text = metrics(&pages);
        assert!(text.contains("fosse_server_up{server=\"unix:/a\"} 0\n"), "{text}");
        assert!(text.contains("fosse_server_connections{server=\"unix:/a\"} 4\n"), "{text}");
    }

    #[test]
    fn a_site_counts_over_lanes_that_live_and_lanes_that_are_gone() {
        let mut pages = Pages::default();
        for (lane, us) in [(0, 300), (1, 250_000)] {
            let (counters, reader) = page_of(2);
            counters.name_row(1, "a.example");
            counters.count_status(1, 200);
            counters.count_time(1, us);
            counters.count_denied(1);
            pages.add(Program::Parse as u8, lane, lane + 20, reader);
        }
        pages.drop_process(20);
        let text = metrics(&pages);
        let name = "fosse_site_response_duration_seconds";
        for line in [
            "fosse_site_responses_total{site=\"a.example\",class=\"2xx\"} 2".to_owned(),
            "fosse_site_denied_total{site=\"a.example\"} 2".to_owned(),
            format!("{name}_bucket{{site=\"a.example\",le=\"0.0002\"}} 0"),
            format!("{name}_bucket{{site=\"a.example\",le=\"0.0003\"}} 1"),
            format!("{name}_bucket{{site=\"a.example\",le=\"60\"}} 2"),
            format!("{name}_bucket{{site=\"a.example\",le=\"+Inf\"}} 2"),
            format!("{name}_sum{{site=\"a.example\"}} 0.2503"),
            format!("{name}_count{{site=\"a.example\"}} 2"),
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line}: {text}");
        }
        assert!(!text.contains("fosse_backend_"), "{text}");
    }
}
