//! Counters never go back within an edge, and count nothing twice, whatever becomes of its
//! processes.

use std::collections::BTreeMap;

use fosse_harness::{Backend, Edge, request, wait_for};
use rustix::process::Signal;

fn configuration(backend: &Backend) -> String {
    format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\nhosts = [\"test.example\"]\n\
         backend = \"app\"\n[[site]]\ndefault = true\nbackend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    )
}

/// Returns every counter of the page for Prometheus: series and value.
fn counters(edge: &Edge) -> BTreeMap<String, f64> {
    let page = edge.status_page("/metrics");
    let (mut gauges, mut all) = (Vec::new(), BTreeMap::new());
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" gauge")) {
            gauges.push(name);
        } else if let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))
            && !gauges.contains(&series.split('{').next().unwrap())
        {
            all.insert(series.to_owned(), value.parse().unwrap());
        }
    }
    all
}

/// Checks that no counter is below what it was, and that none is gone; returns them.
fn no_less_than(edge: &Edge, before: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let now = counters(edge);
    for (series, value) in before {
        assert!(now.get(series).is_some_and(|now| now >= value), "{series}: {value}, then {:?}", now.get(series));
    }
    now
}

/// Returns the responses of class 2xx of the site, and what was denied there.
fn of_site(edge: &Edge) -> (f64, f64) {
    let all = counters(edge);
    let of = |series: &str| all.get(series).copied().unwrap_or_default();
    (
        of("fosse_site_responses_total{site=\"test.example\",class=\"2xx\"}"),
        of("fosse_site_denied_total{site=\"test.example\"}"),
    )
}

/// Sends a good request and a bad one, and waits until they are counted, as the `number`th of each.
fn be_counted(edge: &Edge, number: u32) {
    let ask = |path: &str| {
        request(edge.address(), format!("GET {path} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n"))
            .status
    };
    assert_eq!(ask("/"), 200);
    assert_eq!(ask("/?q=<script>alert(1)</script>"), 403);
    let wanted = (f64::from(number), f64::from(number));
    wait_for(&format!("{number} to be counted"), || (of_site(edge) == wanted).then_some(()));
    let rules = edge.status_page("/rules.txt");
    assert!(rules.starts_with(&format!("{number} 1060:Cross-site_scripting\n")), "{rules}");
}

fn wait_for_another(edge: &Edge, program: &str, pid: u32) {
    wait_for(&format!("another {program}"), || {
        edge.processes().into_iter().any(|process| process.program == program && process.pid != pid).then_some(())
    });
}

fn kill(edge: &Edge, program: &str) -> u32 {
    let process = edge.process(program);
    assert!(process.signal(Signal::KILL));
    process.pid
}

#[test]
fn no_counter_goes_back_when_fosse_status_is_killed() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend), &[]);
    let mut before = BTreeMap::new();
    for number in 1..=5 {
        be_counted(&edge, number);
        before = no_less_than(&edge, &before);
        match number {
            1 => wait_for_another(&edge, "status", kill(&edge, "status")),
            2 => {
                wait_for_another(&edge, "parse", kill(&edge, "parse"));
                before = no_less_than(&edge, &before);
                wait_for_another(&edge, "status", kill(&edge, "status"));
            }
            3 => {
                // Nobody is there to be told of the end of the lane.
                let (parse, status) = (edge.process("parse"), kill(&edge, "status"));
                assert!(parse.signal(Signal::KILL));
                wait_for_another(&edge, "status", status);
                wait_for_another(&edge, "parse", parse.pid);
            }
            4 => edge.reload(&configuration(&backend)),
            _ => {}
        }
        before = no_less_than(&edge, &before);
    }
    let status = edge.process("status");
    edge.signal(Signal::USR2);
    edge.wait_for_log("event=serving generation=3");
    // It is of the new programs.
    wait_for_another(&edge, "status", status.pid);
    no_less_than(&edge, &before);
    be_counted(&edge, 6);
    assert!(edge.alarms().is_empty() && !edge.log().contains("event=counts-lost"), "{}", edge.log());
}

#[test]
fn whenever_fosse_status_and_a_lane_are_killed_everything_is_counted_once() {
    let backend = Backend::start();
    let edge = Edge::with_config(&configuration(&backend), &[]);
    for number in 1..=12_u32 {
        be_counted(&edge, number);
        let (parse, status) = (edge.process("parse"), edge.process("status"));
        assert!(parse.signal(Signal::KILL));
        // At another place each time: before it is told, while it adds, and when it has added.
        for turn in 0..number * 20_000 {
            std::hint::black_box(turn);
        }
        assert!(status.signal(Signal::KILL));
        wait_for_another(&edge, "status", status.pid);
        wait_for_another(&edge, "parse", parse.pid);
    }
    be_counted(&edge, 13);
    assert!(edge.alarms().is_empty(), "{:?}", edge.alarms());
}
