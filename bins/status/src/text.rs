//! The pages as text. Everything in them is a name of ours, a number, or the name of a site, a
//! backend or a server, which is printable ASCII without spaces and quotes: there is nothing to
//! escape.

use std::fmt::Write as _;

use fosse_counters::TABLES;
use fosse_wire::launch::Program;

use crate::metrics;
use crate::pages::{LANE_NONE, Pages, Shown};
use crate::request::Target;
use crate::traffic::Sums;

/// Returns a page. `age_s` is the age of this fosse-status, in seconds.
#[must_use]
pub(crate) fn page(target: Target, pages: &Pages, age_s: u64) -> String {
    match target {
        Target::Json => json(pages, age_s),
        Target::Lines => lines(pages),
        Target::Servers => servers(pages),
        Target::Traffic => traffic(pages),
        Target::Reload => pages.reload.to_string(),
        Target::Metrics => metrics::metrics(pages),
    }
}

/// Returns the media type of a page.
#[must_use]
pub(crate) const fn media(target: Target) -> &'static str {
    match target {
        Target::Json => "application/json",
        Target::Lines | Target::Servers | Target::Traffic | Target::Reload => "text/plain; charset=us-ascii",
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
    out.push_str("},\n\"sites\":{");
    traffic_json(&mut out, &pages.traffic(Program::Parse));
    out.push_str("},\n\"backends\":{");
    traffic_json(&mut out, &pages.traffic(Program::Dispatch));
    out.push_str("}}\n");
    out
}

fn pairs(out: &mut String, all: impl Iterator<Item = (&'static str, u64)>) {
    for (at, (name, value)) in all.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{}\":{value}", name.to_ascii_lowercase());
    }
}

/// `site|backend NAME 1xx 2xx 3xx 4xx 5xx aborted denied sum_us N,N,...`, one line for each site
/// and each backend; the last numbers are those of the classes of time.
fn traffic(pages: &Pages) -> String {
    let mut out = String::new();
    for (kind, program) in [("site", Program::Parse), ("backend", Program::Dispatch)] {
        for (name, traffic) in pages.traffic(program).iter() {
            let _ = write!(out, "{kind} {name}");
            let numbers = [traffic.aborted, traffic.denied, traffic.times.sum_us];
            for number in traffic.statuses.iter().chain(&numbers) {
                let _ = write!(out, " {number}");
            }
            for (at, count) in traffic.times.counts.iter().enumerate() {
                let _ = write!(out, "{}{count}", if at == 0 { ' ' } else { ',' });
            }
            out.push('\n');
        }
    }
    out
}

/// `"NAME":{"1xx":N,...}` for each site or backend, with commas between.
fn traffic_json(out: &mut String, sums: &Sums) {
    for (at, (name, traffic)) in sums.iter().enumerate() {
        let _ = write!(out, "{}\n\"{name}\":{{", if at == 0 { "" } else { "," });
        for (class, count) in (1..).zip(traffic.statuses) {
            let _ = write!(out, "\"{class}xx\":{count},");
        }
        let _ = write!(out, "\"aborted\":{},\"denied\":{},", traffic.aborted, traffic.denied);
        let quantile = |percent| traffic.times.quantile_us(percent).map_or("null".to_owned(), |us| us.to_string());
        let _ = write!(out, "\"us_sum\":{},\"us_count\":{},", traffic.times.sum_us, traffic.times.count());
        let _ = write!(out, "\"us_p50\":{},\"us_p99\":{}}}", quantile(50), quantile(99));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pages::tests::{page as new_page, page_of};
    use fosse_counters::{DRAINING, TURN_US_LONGEST, TURNS, parse};

    /// Pages of processes that live and of one that is gone.
    pub(crate) fn pages() -> Pages {
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
    fn a_line_for_each_site_and_each_backend() {
        let mut pages = pages();
        for (program, pid, name) in [(Program::Parse, 20, "a.example"), (Program::Dispatch, 21, "app")] {
            let (counters, reader) = page_of(1);
            counters.name_row(0, name);
            counters.count_status(0, 404);
            counters.count_time(0, 101);
            pages.add(program as u8, 0, pid, reader);
        }
        let text = traffic(&pages);
        let rest = format!("0 0 0 1 0 0 0 101 0,1{}", ",0".repeat(33));
        assert_eq!(text, format!("site a.example {rest}\nbackend app {rest}\n"));
        let text = json(&pages, 0);
        assert!(text.contains("\"sites\":{\n\"a.example\":{\"1xx\":0,\"2xx\":0,\"3xx\":0,\"4xx\":1,"), "{text}");
        assert!(text.contains("\"backends\":{\n\"app\":{") && text.contains("\"us_p99\":200}"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn servers_are_shown_by_lane() {
        let mut pages = Pages::default();
        for (lane, up) in [(0, true), (1, false)] {
            let (counters, reader) = new_page();
            let server =
                fosse_counters::Server { name: "unix:/a".into(), up, unhealthy: false, fails: 3, open: 2, busy: 1 };
            counters.set_server(0, &server);
            pages.add(Program::Dispatch as u8, lane, lane + 20, reader);
        }
        assert_eq!(servers(&pages), "0 20 up 3 2 1 unix:/a\n1 21 down 3 2 1 unix:/a\n");
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
