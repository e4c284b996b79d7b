//! A kernel that refuses another process is a reason to wait, and none to end what serves.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use fosse_harness::{Backend, Edge, Process, children, get, is_root, wait_for};
use rustix::process::Signal;

/// A user that runs nothing but this edge.
const USER: u32 = 1_000_000_007;

/// Lets the user of these processes have at most that many, as these processes are told it. Done as
/// that user, whom prlimit(2) lets without any capability.
fn limit(all: &[Process], nproc: &str) {
    for process in all {
        let mut command = Command::new("prlimit");
        command.args(["--pid", &process.pid.to_string(), &format!("--nproc={nproc}:")]).uid(USER).gid(USER);
        assert!(command.status().unwrap().success(), "{process:?}");
    }
}

#[test]
fn a_fork_that_fails_is_tried_again_and_ends_nothing() {
    if !is_root() {
        return println!("skipped: not root");
    }
    let backend = Backend::start();
    let edge = Edge::up_as(USER, &backend.address(), &["--lanes", "2"]);
    // start, its fork server and the zygote make processes.
    let zygote = |process: &Process| process.program == "waf-filter" && process.lane.is_none();
    let mut makers: Vec<Process> = edge.processes().into_iter().filter(zygote).collect();
    makers.extend(children(edge.pid()).into_iter().filter(|process| process.program == "start"));
    makers.push(edge.start());
    assert_eq!(makers.len(), 3, "{makers:?}");
    limit(&makers, "1");
    let lost = edge.process("parse");
    let descriptors = edge.start().descriptors();
    lost.signal(Signal::KILL);
    // Throttled: the third try comes some seconds after the first.
    wait_for("three refusals", || (edge.log().matches("event=not-started").count() >= 3).then_some(()));
    let log = edge.log();
    assert!(log.contains("error=\"Resource temporarily unavailable (os error 11)\""), "{log}");
    assert_eq!(get(edge.address(), "/").status, 200, "{log}");
    assert!(edge.start().descriptors() <= descriptors, "{} of {descriptors}", edge.start().descriptors());
    limit(&makers, "1000");
    wait_for("two lanes", || (edge.children_of("parse").len() == 2).then_some(()));
    assert_eq!(get(edge.address(), "/").status, 200);
    // And a reload is as good as ever.
    let reload = edge.fosse(&["reload"]);
    assert!(reload.status.success(), "{}{}", String::from_utf8_lossy(&reload.stderr), edge.log());
}
