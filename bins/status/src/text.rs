//! The pages as text. Everything in them is a name of ours, a number, or the name of a site, a
//! backend or a server, which is printable ASCII without spaces and quotes: there is nothing to
//! escape.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use fosse_counters::{TABLES, Traffic};
use fosse_wire::start::LANE_NONE;

use crate::metrics::METRICS;
use crate::page::{Look, Step};
use crate::pages::Shown;
use crate::request::Target;
use crate::traffic::Subject::{self, Backend, Rule, Site};

/// `program lane pid key=value ...`, one line a process, and a last line for each program's dead:
/// `program gone 0 ...`. A process without a lane has `-` there.
const LINES: &[Step] = &[Step::Processes(line), Step::Once(lines_of_the_dead)];

/// `lane pid up|down|drained fails open busy weight backend/address`, one line for each server of
/// each lane.
const SERVERS: &[Step] = &[Step::Processes(servers)];

/// `site|backend NAME 1xx 2xx 3xx 4xx 5xx aborted denied sum_us N,N,...`, one line for each site
/// and each backend; the last numbers are those of the classes of time.
const TRAFFIC: &[Step] = &[Step::Rows(Site, traffic), Step::Rows(Backend, traffic)];

/// `DENIED NAME`, one line for each rule that has denied something; its name is its number, or the
/// cause where there is none, a colon, and its message.
const RULES: &[Step] = &[Step::Rows(Rule, |_, name, traffic, _, out| {
    let _ = writeln!(out, "{} {name}", traffic.denied);
})];

/// The last reload.
const RELOAD: &[Step] = &[Step::Once(|look, out| {
    let _ = write!(out, "{}", look.pages.reload);
})];

/// Everything, for programs.
const JSON: &[Step] = &[
    Step::Once(json_head),
    Step::Processes(json_process),
    Step::Once(json_sums),
    Step::Once(|_, out| out.push_str("},\n\"sites\":{")),
    Step::Rows(Site, json_traffic),
    Step::Once(|_, out| out.push_str("},\n\"backends\":{")),
    Step::Rows(Backend, json_traffic),
    Step::Once(|_, out| out.push_str("}}\n")),
];

/// Returns the steps of a page.
pub(crate) const fn steps(target: Target) -> &'static [Step] {
    match target {
        Target::Json => JSON,
        Target::Lines => LINES,
        Target::Servers => SERVERS,
        Target::Traffic => TRAFFIC,
        Target::Rules => RULES,
        Target::Reload => RELOAD,
        Target::Metrics => METRICS,
    }
}

/// Returns the media type of a page.
#[must_use]
pub(crate) const fn media(target: Target) -> &'static str {
    match target {
        Target::Json => "application/json",
        Target::Lines | Target::Servers | Target::Traffic | Target::Rules | Target::Reload => {
            "text/plain; charset=us-ascii"
        }
        Target::Metrics => "text/plain; version=0.0.4; charset=utf-8",
    }
}

fn line(shown: &Shown, _: bool, out: &mut String) {
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

fn lines_of_the_dead(look: &Look<'_>, out: &mut String) {
    for (program, table) in TABLES {
        let gone = table.iter().enumerate().filter(|(_, counter)| !counter.gauge);
        let gone: Vec<_> = gone.map(|(index, counter)| (counter, look.pages.gone(program, index))).collect();
        if gone.iter().all(|(_, sum)| *sum == 0) {
            continue;
        }
        let _ = write!(out, "{program} gone 0");
        for (counter, sum) in gone {
            let _ = write!(out, " {}={sum}", counter.name.to_ascii_lowercase());
        }
        out.push('\n');
    }
}

fn servers(shown: &Shown, _: bool, out: &mut String) {
    for (name, s) in shown.named_servers() {
        let state = match (s.up, s.drained) {
            _ if s.absent => "absent",
            (false, _) => "down",
            (true, true) => "drained",
            (true, false) => "up",
        };
        let (lane, pid) = (shown.lane, shown.pid);
        let _ = write!(out, "{lane} {pid} {state} {} {} {} {} {name}", s.fails, s.open, s.busy, s.weight);
        match s.address.map(|address| Ipv6Addr::from(address).to_canonical()) {
            Some(address) => _ = writeln!(out, " {address}"),
            None => out.push('\n'),
        }
    }
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

fn json_head(look: &Look<'_>, out: &mut String) {
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(out, "{{\"version\":\"{version}\",\"generation\":{},", look.pages.generation);
    let _ = write!(out, "\"requests_per_second\":{},\"status_age_seconds\":{},", look.rate, look.age_s);
    out.push_str("\"processes\":[");
}

fn json_process(shown: &Shown, first: bool, out: &mut String) {
    let comma = if first { "" } else { "," };
    let lane = if shown.lane == LANE_NONE { "null".to_owned() } else { shown.lane.to_string() };
    let _ = write!(out, "{comma}\n{{\"program\":\"{}\",\"lane\":{lane},\"pid\":{},", shown.program, shown.pid);
    let _ = write!(out, "\"turns\":{},\"draining\":{},", shown.turns(), shown.draining());
    let (longest_us, long) = shown.long_turns();
    let _ = write!(out, "\"log_dropped\":{},\"turn_us_longest\":{longest_us},", shown.log_dropped());
    let _ = write!(out, "\"turns_long\":{long},\"counters\":{{");
    pairs(out, shown.counters().map(|(counter, value)| (counter.name, value)));
    out.push('}');
    let mut servers = 0;
    for (name, s) in shown.named_servers() {
        out.push_str(if servers == 0 { ",\"servers\":[" } else { "," });
        let _ = write!(out, "{{\"name\":\"{name}\",\"up\":{},\"drained\":{},", s.up, s.drained);
        let _ = write!(out, "\"weight\":{},\"backup\":{},\"fails\":{},", s.weight, s.backup, s.fails);
        let _ = write!(out, "\"connections\":{},\"requests\":{}}}", s.open, s.busy);
        servers += 1;
    }
    out.push_str(if servers == 0 { "}" } else { "]}" });
}

fn json_sums(look: &Look<'_>, out: &mut String) {
    out.push_str("],\n\"sums\":{");
    for (at, (program, table)) in TABLES.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\n\"{program}\":{{");
        let sums = table.iter().enumerate().map(|(index, c)| (c.name, look.pages.sum(program, index, c.gauge)));
        pairs(out, sums);
        out.push('}');
    }
}

fn pairs(out: &mut String, all: impl Iterator<Item = (&'static str, u64)>) {
    for (at, (name, value)) in all.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{}\":{value}", name.to_ascii_lowercase());
    }
}

fn traffic(of: Subject, name: &str, traffic: &Traffic, _: bool, out: &mut String) {
    let _ = write!(out, "{} {name}", of.label());
    let numbers = [traffic.aborted, traffic.denied, traffic.times.sum_us];
    for number in traffic.statuses.iter().chain(&numbers) {
        let _ = write!(out, " {number}");
    }
    for (at, count) in traffic.times.counts.iter().enumerate() {
        let _ = write!(out, "{}{count}", if at == 0 { ' ' } else { ',' });
    }
    out.push('\n');
}

/// `"NAME":{"1xx":N,...}` for a site or backend, after a comma where it is not the first.
fn json_traffic(_: Subject, name: &str, traffic: &Traffic, first: bool, out: &mut String) {
    let _ = write!(out, "{}\n\"{name}\":{{", if first { "" } else { "," });
    for (class, count) in (1..).zip(traffic.statuses) {
        let _ = write!(out, "\"{class}xx\":{count},");
    }
    let _ = write!(out, "\"aborted\":{},\"denied\":{},", traffic.aborted, traffic.denied);
    let quantile = |percent| traffic.times.quantile_us(percent).map_or("null".to_owned(), |us| us.to_string());
    let _ = write!(out, "\"us_sum\":{},\"us_count\":{},", traffic.times.sum_us, traffic.times.count());
    let _ = write!(out, "\"us_p50\":{},\"us_p99\":{}}}", quantile(50), quantile(99));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::page::tests::whole;
    use crate::pages::Pages;
    use crate::pages::tests::{page as new_page, page_of};
    use fosse_counters::{DRAINING, TURN_US_LONGEST, TURNS, parse};
    use fosse_wire::launch::Program;

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
        pages.end_process(Program::Parse as u8, 12, 1, new_page().1);
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
        let text = whole(Target::Traffic, &mut pages, 0);
        let rest = format!("0 0 0 1 0 0 0 101 0,1{}", ",0".repeat(33));
        assert_eq!(text, format!("site a.example {rest}\nbackend app {rest}\n"));
        let text = whole(Target::Json, &mut pages, 0);
        assert!(text.contains("\"sites\":{\n\"a.example\":{\"1xx\":0,\"2xx\":0,\"3xx\":0,\"4xx\":1,"), "{text}");
        assert!(text.contains("\"backends\":{\n\"app\":{") && text.contains("\"us_p99\":200}"), "{text}");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn servers_are_shown_by_lane() {
        let mut pages = Pages::default();
        for (lane, up) in [(0, true), (1, false), (2, true)] {
            let (counters, reader) = page_of(1);
            counters.name_row(0, "app");
            let (name, drained) = ("unix:/a".into(), lane > 0);
            let server = fosse_counters::Server {
                name,
                up,
                drained,
                weight: 7,
                fails: 3,
                open: 2,
                busy: 1,
                ..Default::default()
            };
            counters.set_server(0, &server);
            pages.add(Program::Dispatch as u8, lane, lane + 20, reader);
        }
        let expected = "0 20 up 3 2 1 7 app/unix:/a\n1 21 down 3 2 1 7 app/unix:/a\n2 22 drained 3 2 1 7 app/unix:/a\n";
        assert_eq!(whole(Target::Servers, &mut pages, 0), expected);
        let text = whole(Target::Json, &mut pages, 0);
        assert!(text.contains("\"servers\":[{\"name\":\"app/unix:/a\",\"up\":true,\"drained\":false,"), "{text}");
        assert_eq!(
            (text.matches('{').count(), text.matches('[').count()),
            (text.matches('}').count(), text.matches(']').count())
        );
    }

    #[test]
    fn a_line_for_each_process_and_one_for_the_dead() {
        let text = whole(Target::Lines, &mut pages(), 0);
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
        let text = whole(Target::Json, &mut pages(), 4);
        let count = |c: char| text.matches(c).count();
        assert_eq!((count('{'), count('[')), (count('}'), count(']')));
        assert!(text.contains("\"program\":\"log\",\"lane\":null,\"pid\":11"), "{text}");
        assert!(text.contains("\"lane\":3,\"pid\":10,\"turns\":9,\"draining\":true"), "{text}");
        assert!(text.contains("\"parse\":{\"requests\":7,"), "{text}");
        assert!(!text.contains(",}") && !text.contains(",]"), "{text}");
    }
}
