//! What loading the Core Rule Set, holding it and losing a filter cost. Prints and asserts nothing;
//! run it with `cargo test --release -p fosse-waf-filter --test costs -- --ignored --nocapture`.

mod site;

use std::time::Instant;

use fosse_harness::{Backend, Client, is_alive, programs, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use site::{core_rule_set, edge, request, status, with_core_rule_set};

/// Proportional share of memory, and what is the process's own, in KiB.
fn memory(pid: u32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let value = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (value("Pss:"), value("Private_Clean:") + value("Private_Dirty:"))
}

#[test]
#[ignore = "prints measurements"]
#[expect(clippy::too_many_lines, reason = "one measurement after the other")]
fn loading_holding_and_losing() {
    let Some(from) = core_rule_set() else { return };
    let rules = with_core_rule_set(&from);
    let mut loads: Vec<u128> = (0..5)
        .map(|_| {
            let began = Instant::now();
            let mut filter = std::process::Command::new(programs().join("fosse-waf-filter"));
            filter.arg("--rules").arg(rules.path()).stdin(std::process::Stdio::null());
            let _ = filter.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status().unwrap();
            began.elapsed().as_millis()
        })
        .collect();
    loads.sort_unstable();
    println!("load CRS 4, lock down, end: least {} ms, median {} ms", loads[0], loads[2]);
    let backend = Backend::start();
    let edge = edge(&backend, &rules, "");
    let filters = || edge.processes().into_iter().filter(|p| p.program == "waf-filter").collect::<Vec<_>>();
    for process in filters() {
        let what = if process.lane.is_none() { "zygote" } else { "filter" };
        let (pss, own) = memory(process.pid);
        println!("{what}: PSS {pss} KiB, its own {own} KiB");
    }
    let attack = request("GET /?q=1%27%20OR%20%271%27=%271", &[], b"");
    let mut times: Vec<u128> = (0..21)
        .map(|_| {
            let pid = filters().into_iter().find(|p| p.lane.is_some()).unwrap().pid;
            kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), Signal::KILL).unwrap();
            wait_for("its end", || (!is_alive(pid)).then_some(()));
            let began = Instant::now();
            while status(&edge, &attack) != 403 {}
            let time = began.elapsed().as_micros();
            // The next one is looked for in status, which must have heard of it.
            wait_for("the next", || filters().iter().any(|p| p.lane.is_some() && p.pid != pid).then_some(()));
            time
        })
        .collect();
    times.sort_unstable();
    println!("from a filter's end to the next denial: median {} us, worst {} us", times[10], times[20]);
    let (count, plain) = (2000, request("GET /?q=hello", &[], b""));
    let mut client = Client::connect(edge.address());
    let began = Instant::now();
    for _ in 0..count {
        client.send(&plain);
        assert_eq!(client.response().status, 200);
    }
    println!("one connection, small GET: {} us each", began.elapsed().as_micros() / count);
    for process in filters() {
        let (pss, own) = memory(process.pid);
        println!("afterwards: lane {:?} PSS {pss} KiB, its own {own} KiB", process.lane);
    }
}
