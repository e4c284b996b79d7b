//! How the programs of a running edge are scheduled, as the kernel sees it (sched(7)).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fosse_harness::{Backend, Client, Edge, Process, is_root, stat_field, wait_for};

/// Policy by its number and nice value of a process.
fn scheduled(process: &Process) -> (i64, i64) {
    (stat_field(process.pid, 41), stat_field(process.pid, 19))
}

const QUIET: (i64, i64) = (0, -10);
const BUSY: (i64, i64) = (0, 0);
const BUSY_FRONT: (i64, i64) = (3, 0);

/// The process that serves as a program: the filter, and not the one that forks filters.
fn serving(edge: &Edge, program: &str) -> Process {
    let serves = |process: &Process| process.program == program && (program != "waf-filter" || process.lane.is_some());
    edge.processes().into_iter().find(serves).unwrap()
}

fn wait_until(edge: &Edge, program: &str, expected: (i64, i64)) {
    let what = format!("{program} to be scheduled as {expected:?}");
    wait_for(&what, || (scheduled(&serving(edge, program)) == expected).then_some(()));
}

#[test]
fn a_quiet_program_runs_at_once_and_a_busy_front_waits_for_more() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    for program in ["accept", "parse", "dispatch", "connect"] {
        wait_until(&edge, program, QUIET);
    }
    // What computes takes no core from an application, not even until start has seen how much it
    // does.
    assert_eq!(scheduled(&serving(&edge, "waf-filter")), BUSY);
    for program in ["log", "status"] {
        assert_eq!(scheduled(&edge.process(program)), scheduled(&edge.start()), "{program}");
    }
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Many requests in one write: parse has the most to do.
                let requests = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(64);
                let mut client = Client::connect(edge.address());
                while !ended.load(Ordering::Relaxed) {
                    client.send(requests.as_bytes());
                    for _ in 0..64 {
                        assert_eq!(client.response().status, 200);
                    }
                }
            });
        }
        wait_until(&edge, "parse", BUSY_FRONT);
        let audit = edge.fosse(&["audit"]);
        ended.store(true, Ordering::Relaxed);
        assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
    });
    wait_until(&edge, "parse", QUIET);
    let audit = edge.fosse(&["audit"]);
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stdout));
}

#[test]
fn a_key_fixes_the_scheduling() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let backend = Backend::start();
    let configuration = |scheduling: &str| {
        format!(
            "scheduling = \"{scheduling}\"\nlanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n\
             [[site]]\ndefault = true\nbackend = \"app\"\nrules = []\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
            backend.address()
        )
    };
    let edge = Edge::with_config(&configuration("batch"), &[]);
    for (program, expected) in [("accept", BUSY_FRONT), ("parse", BUSY_FRONT), ("waf-filter", BUSY), ("dispatch", BUSY)]
    {
        wait_until(&edge, program, expected);
    }
    let before = serving(&edge, "parse").pid;
    edge.reload(&configuration("inherit"));
    let parse = wait_for("a new parse alone", || {
        let all: Vec<Process> = edge.processes().into_iter().filter(|one| one.program == "parse").collect();
        (all.len() == 1 && all[0].pid != before).then(|| serving(&edge, "parse"))
    });
    // start looks at its children as often as an idle parse turns.
    let looked = edge.counter("parse", "turns") + 6;
    wait_for("several turns of parse", || (edge.counter("parse", "turns") >= looked).then_some(()));
    assert_eq!(scheduled(&parse), scheduled(&edge.start()));
}
