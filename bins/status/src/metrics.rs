//! The page for Prometheus, in its text format 0.0.4. Every label is a name of ours, or that of a
//! site, a backend or a server, which is printable ASCII without spaces, quotes and backslashes:
//! there is nothing to escape.

use std::fmt::{self, Display, Formatter, Write as _};

use fosse_counters::{TABLES, TIME_BOUNDS_US, Times, Traffic};
use fosse_wire::launch::Program;

use crate::page::{Look, Step, servers};
use crate::traffic::Subject::{self, Backend, Site};

/// The page: sums by program, and those of sites, backends and servers. Lanes and process ids are
/// no labels: they change with every reload, and a label with ever new values fills a time series
/// database.
pub(crate) const METRICS: &[Step] = &[
    Step::Once(programs),
    Step::Once(counters),
    Step::Once(|look, out| server_family(look, out, "up", "1 where every lane gives the server requests")),
    Step::Servers(|name, sum, out| server(out, "up", name, u64::from(sum.up))),
    Step::Once(|look, out| server_family(look, out, "drained", "1 where somebody has drained the server")),
    Step::Servers(|name, sum, out| server(out, "drained", name, u64::from(sum.drained))),
    Step::Once(|look, out| server_family(look, out, "connections", "connections open to the server")),
    Step::Servers(|name, sum, out| server(out, "connections", name, sum.open)),
    Step::Once(|look, out| server_family(look, out, "requests", "requests under way at the server")),
    Step::Servers(|name, sum, out| server(out, "requests", name, sum.busy)),
    Step::Once(|look, out| responses_family(look, out, Site)),
    Step::Rows(Site, responses),
    Step::Once(|look, out| aborted_family(look, out, Site)),
    Step::Rows(Site, aborted),
    // Rules deny before a backend is chosen.
    Step::Once(denied_family),
    Step::Rows(Site, denied),
    Step::Once(|look, out| times_family(look, out, Site)),
    Step::Rows(Site, times),
    Step::Once(|look, out| responses_family(look, out, Backend)),
    Step::Rows(Backend, responses),
    Step::Once(|look, out| aborted_family(look, out, Backend)),
    Step::Rows(Backend, aborted),
    Step::Once(|look, out| times_family(look, out, Backend)),
    Step::Rows(Backend, times),
];

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn programs(look: &Look<'_>, out: &mut String) {
    let pages = look.pages;
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

fn counters(look: &Look<'_>, out: &mut String) {
    for (program, table) in TABLES {
        for (index, counter) in table.iter().enumerate() {
            let (kind, suffix) = if counter.gauge { ("gauge", "") } else { ("counter", "_total") };
            let name = format!("fosse_{}_{}{suffix}", program.replace('-', "_"), counter.name.to_ascii_lowercase());
            family(out, &name, kind, counter.help);
            let _ = writeln!(out, "{name} {}", look.pages.sum(program, index, counter.gauge));
        }
    }
}

fn server_family(look: &Look<'_>, out: &mut String, suffix: &str, help: &str) {
    if !servers(look.pages).is_empty() {
        family(out, &format!("fosse_server_{suffix}"), "gauge", help);
    }
}

fn server(out: &mut String, suffix: &str, name: &str, value: u64) {
    let _ = writeln!(out, "fosse_server_{suffix}{{server=\"{name}\"}} {value}");
}

/// Writes the head of a family with a series for each site or backend: their names come from the
/// configuration.
fn rows_family(look: &Look<'_>, out: &mut String, of: Subject, suffix: &str, kind: &str, help: &str) {
    if !look.pages.names(of).is_empty() {
        family(out, &format!("fosse_{}_{suffix}", of.label()), kind, help);
    }
}

fn responses_family(look: &Look<'_>, out: &mut String, of: Subject) {
    rows_family(look, out, of, "responses_total", "counter", "responses by class of their status");
}

fn responses(of: Subject, name: &str, traffic: &Traffic, _: bool, out: &mut String) {
    let label = of.label();
    for (class, count) in (1..).zip(traffic.statuses) {
        let _ = writeln!(out, "fosse_{label}_responses_total{{{label}=\"{name}\",class=\"{class}xx\"}} {count}");
    }
}

fn aborted_family(look: &Look<'_>, out: &mut String, of: Subject) {
    rows_family(look, out, of, "aborted_total", "counter", "exchanges that ended without a whole response");
}

fn aborted(of: Subject, name: &str, traffic: &Traffic, _: bool, out: &mut String) {
    let label = of.label();
    let _ = writeln!(out, "fosse_{label}_aborted_total{{{label}=\"{name}\"}} {}", traffic.aborted);
}

fn denied_family(look: &Look<'_>, out: &mut String) {
    rows_family(look, out, Site, "denied_total", "counter", "requests and responses that a rule denied");
}

fn denied(_: Subject, name: &str, traffic: &Traffic, _: bool, out: &mut String) {
    let _ = writeln!(out, "fosse_site_denied_total{{site=\"{name}\"}} {}", traffic.denied);
}

fn times_family(look: &Look<'_>, out: &mut String, of: Subject) {
    let help = match of {
        Site => "time from the head of a request to the end of its response",
        _ => "time from the end of a request to the head of the server's response",
    };
    rows_family(look, out, of, "response_duration_seconds", "histogram", help);
}

fn times(of: Subject, name: &str, traffic: &Traffic, _: bool, out: &mut String) {
    let label = of.label();
    let series = format!("fosse_{label}_response_duration_seconds");
    histogram(out, &series, &format!("{label}=\"{name}\""), &traffic.times);
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
    use crate::page::tests::whole;
    use crate::pages::Pages;
    use crate::pages::tests::{page, page_of};
    use crate::request::Target;
    use crate::text::tests::pages;

    #[test]
    fn prometheus_gets_one_sum_a_program_with_help_and_type() {
        let text = whole(Target::Metrics, &mut pages(), 0);
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
        let text = whole(Target::Metrics, &mut pages, 0);
        assert!(text.contains("fosse_server_up{server=\"unix:/a\"} 0\n"), "{text}");
        assert!(text.contains("fosse_server_connections{server=\"unix:/a\"} 4\n"), "{text}");
    }

    #[test]
    fn a_site_counts_over_lanes_that_live_and_lanes_that_are_gone() {
        let mut pages = Pages::default();
        for (lane, us) in [(0, 300), (1, 250_000)] {
            let (counters, reader) = page_of(2);
            counters.name_row(0, "b.example");
            counters.name_row(1, "a.example");
            counters.count_status(1, 200);
            counters.count_time(1, us);
            counters.count_denied(1);
            pages.add(Program::Parse as u8, lane, lane + 20, reader);
        }
        pages.end_process(Program::Parse as u8, 20, 1, page_of(1).1);
        let text = whole(Target::Metrics, &mut pages, 0);
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
