//! The five pages as text. Everything in them is a name of ours, a number, or a server's name,
//! which is printable ASCII without spaces and quotes: there is nothing to escape.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fosse_counters::TABLES;
use fosse_wire::launch::Program;

use crate::pages::{LANE_NONE, Pages, Shown};
use crate::request::Target;

/// Returns a page. `age_s` is the age of this fosse-status, in seconds.
#[must_use]
pub(crate) fn page(target: Target, pages: &Pages, age_s: u64) -> String {
    match target {
        Target::Json => json(pages, age_s),
        Target::Lines => lines(pages),
        Target::Servers => servers(pages),
        Target::Reload => pages.reload.to_string(),
        Target::Metrics => metrics(pages),
    }
}

/// Returns the media type of a page.
#[must_use]
pub(crate) const fn media(target: Target) -> &'static str {
    match target {
        Target::Json => "application/json",
        Target::Lines | Target::Servers | Target::Reload => "text/plain; charset=us-ascii",
        Target::Metrics => "text/plain; version=0.0.4; charset=utf-8",
    }
}

/// `program lane pid key=value ...`, one line a process, and a last line for each program's dead:
/// `program gone 0 ...`. A process without a lane has `-` there.
fn lines(pages: &Pages) -> String {
    let mut out = String::new();
    for shown in pages.living() {
        let lane = if shown.lane == LANE_NONE { "-".to_owned() } else { shown.lane.to_string() };
        let _ = write!(out, "{} {lane} {}", shown.program, shown.pid);
        for (name, value) in common(shown) {
            let _ = write!(out, " {name}={value}");
        }
        for (counter, value) in shown.counters() {
            let _ = write!(out, " {}={value}", counter.name.to_ascii_lowercase());
        }
        out.push('\n');
    }
    for (program, table) in TABLES {
        if pages.gone(program).iter().all(|sum| *sum == 0) {
            continue;
        }
        let _ = write!(out, "{program} gone 0");
        for (counter, sum) in table.iter().zip(pages.gone(program)).filter(|(c, _)| !c.gauge) {
            let _ = write!(out, " {}={sum}", counter.name.to_ascii_lowercase());
        }
        out.push('\n');
    }
    out
}

/// `lane pid up|down fails open busy name`, one line for each server of each lane.
fn servers(pages: &Pages) -> String {
    let mut out = String::new();
    for shown in pages.living() {
        for s in shown.servers() {
            let state = if s.up { "up" } else { "down" };
            let (lane, pid) = (shown.lane, shown.pid);
            let _ = writeln!(out, "{lane} {pid} {state} {} {} {} {}", s.fails, s.open, s.busy, s.name);
        }
    }
    out
}

/// The counters that every process has.
fn common(shown: &Shown) -> [(&'static str, u64); 5] {
    let (longest_us, long) = shown.long_turns();
    [
        ("turns", shown.turns()),
        ("draining", u64::from(shown.draining())),
        ("log_dropped", shown.log_dropped()),
        ("turn_us_longest", longest_us),
        ("turns_long", long),
    ]
}

fn json(pages: &Pages, age_s: u64) -> String {
    let mut out = format!("{{\"version\":\"{}\",\"status_age_seconds\":{age_s},", env!("CARGO_PKG_VERSION"));
    out.push_str("\"processes\":[");
    for (at, shown) in pages.living().into_iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let lane = if shown.lane == LANE_NONE { "null".to_owned() } else { shown.lane.to_string() };
        let _ = write!(out, "{comma}\n{{\"program\":\"{}\",\"lane\":{lane},\"pid\":{},", shown.program, shown.pid);
        let _ = write!(out, "\"turns\":{},\"draining\":{},", shown.turns(), shown.draining());
        let (longest_us, long) = shown.long_turns();
        let _ = write!(out, "\"log_dropped\":{},\"turn_us_longest\":{longest_us},", shown.log_dropped());
        let _ = write!(out, "\"turns_long\":{long},\"counters\":{{");
        pairs(&mut out, shown.counters().map(|(counter, value)| (counter.name, value)));
        out.push('}');
        for (at, s) in shown.servers().into_iter().enumerate() {
            out.push_str(if at == 0 { ",\"servers\":[" } else { "," });
            let _ = write!(out, "{{\"name\":\"{}\",\"up\":{},\"fails\":{},", s.name, s.up, s.fails);
            let _ = write!(out, "\"connections\":{},\"requests\":{}}}", s.open, s.busy);
        }
        out.push_str(if shown.servers().is_empty() { "}" } else { "]}" });
    }
    out.push_str("],\n\"sums\":{");
    for (at, (program, table)) in TABLES.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n\"{program}\":{{");
        let sums = table.iter().enumerate().map(|(index, c)| (c.name, pages.sum(program, index, c.gauge)));
        pairs(&mut out, sums);
        out.push('}');
    }
    out.push_str("}}\n");
    out
}

fn pairs(out: &mut String, all: impl Iterator<Item = (&'static str, u64)>) {
    for (at, (name, value)) in all.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{}\":{value}", name.to_ascii_lowercase());
    }
}

/// Sums by program. Lanes and process ids are no labels: they change with every reload, and a label
/// with ever new values fills a time series database.
fn metrics(pages: &Pages) -> String {
    let mut out = String::from("# HELP fosse_processes living processes of a program\n# TYPE fosse_processes gauge\n");
    for program in Program::ALL {
        let count = pages.count(program.name());
        if count > 0 {
            let _ = writeln!(out, "fosse_processes{{program=\"{}\"}} {count}", program.name());
        }
    }
    out.push_str("# HELP fosse_turn_longest_microseconds longest turn of a living process of a program\n");
    out.push_str("# TYPE fosse_turn_longest_microseconds gauge\n");
    for (program, _) in TABLES {
        let longest_us = pages.living().iter().filter(|s| s.program == program).map(|s| s.long_turns().0).max();
        if let Some(longest_us) = longest_us {
            let _ = writeln!(out, "fosse_turn_longest_microseconds{{program=\"{program}\"}} {longest_us}");
        }
    }
    for (program, table) in TABLES {
        for (index, counter) in table.iter().enumerate() {
            let (kind, suffix) = if counter.gauge { ("gauge", "") } else { ("counter", "_total") };
            let name = format!("fosse_{}_{}{suffix}", program.replace('-', "_"), counter.name.to_ascii_lowercase());
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", counter.help);
            let _ = writeln!(out, "{name} {}", pages.sum(program, index, counter.gauge));
        }
    }
    out.push_str(&server_metrics(pages));
    out
}

/// Servers are labels: their names come from the configuration and do not grow. A server is up
/// where every lane that is not draining says so.
fn server_metrics(pages: &Pages) -> String {
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
    let mut out = String::new();
    type Value = fn(&(bool, u64, u64)) -> u64;
    let families: [(&str, &str, Value); 3] = [
        ("up", "1 where every lane gives the server requests", |v| u64::from(v.0)),
        ("connections", "connections open to the server", |v| v.1),
        ("requests", "requests under way at the server", |v| v.2),
    ];
    for (family, help, value) in families.into_iter().filter(|_| !all.is_empty()) {
        let name = format!("fosse_server_{family}");
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (server, values) in &all {
            let _ = writeln!(out, "{name}{{server=\"{server}\"}} {}", value(values));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::tests::page as new_page;
    use fosse_counters::{DRAINING, TURN_US_LONGEST, TURNS, parse};

    fn pages() -> Pages {
        let mut pages = Pages::default();
        let (counters, reader) = new_page();
        counters.add(parse::REQUESTS, 5);
        counters.set(parse::CONNECTIONS, u64::MAX);
        counters.set(TURNS, 9);
        counters.set(TURN_US_LONGEST, 7000);
        counters.set(DRAINING, 7);
        pages.add(Program::Parse as u8, 3, 10, reader);
        pages.add(Program::Log as u8, LANE_NONE, 11, new_page().1);
        let (counters, reader) = new_page();
        counters.add(parse::REQUESTS, 2);
        pages.add(Program::Parse as u8, 2, 12, reader);
        pages.drop_process(12);
        pages
    }

    #[test]
    fn servers_are_shown_by_lane_and_up_only_where_every_lane_says_so() {
        let mut pages = Pages::default();
        for (lane, up) in [(0, true), (1, false)] {
            let (counters, reader) = new_page();
            let server =
                fosse_counters::Server { name: "unix:/a".into(), up, unhealthy: false, fails: 3, open: 2, busy: 1 };
            counters.set_server(0, &server);
            pages.add(Program::Dispatch as u8, lane, lane + 20, reader);
        }
        assert_eq!(servers(&pages), "0 20 up 3 2 1 unix:/a\n1 21 down 3 2 1 unix:/a\n");
        let text = metrics(&pages);
        assert!(text.contains("fosse_server_up{server=\"unix:/a\"} 0\n"), "{text}");
        assert!(text.contains("fosse_server_connections{server=\"unix:/a\"} 4\n"), "{text}");
        let text = json(&pages, 0);
        assert!(text.contains("\"servers\":[{\"name\":\"unix:/a\",\"up\":true,\"fails\":3,"), "{text}");
        assert_eq!(
            (text.matches('{').count(), text.matches('[').count()),
            (text.matches('}').count(), text.matches(']').count())
        );
    }

    #[test]
    fn a_line_for_each_process_and_one_for_the_dead() {
        let text = lines(&pages());
        let all: Vec<&str> = text.lines().collect();
        assert!(
            all[0].starts_with("log - 11 turns=0 draining=0 log_dropped=0 turn_us_longest=0 turns_long=0 lines=0"),
            "{text}"
        );
        assert!(
            all[1].starts_with(
                "parse 3 10 turns=9 draining=1 log_dropped=0 turn_us_longest=7000 turns_long=0 requests=5 "
            ),
            "{text}"
        );
        assert!(all[1].contains(&format!(" connections={}", u64::MAX)), "{text}");
        assert!(all[2].starts_with("parse gone 0 requests=2 ") && !all[2].contains("connections="), "{text}");
        assert_eq!(all.len(), 3);
    }

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
    fn json_is_balanced_and_holds_living_and_sums() {
        let text = json(&pages(), 4);
        let count = |c: char| text.matches(c).count();
        assert_eq!((count('{'), count('[')), (count('}'), count(']')));
        assert!(text.contains("\"program\":\"log\",\"lane\":null,\"pid\":11"), "{text}");
        assert!(text.contains("\"lane\":3,\"pid\":10,\"turns\":9,\"draining\":true"), "{text}");
        assert!(text.contains("\"parse\":{\"requests\":7,"), "{text}");
        assert!(!text.contains(",}") && !text.contains(",]"), "{text}");
    }
}
