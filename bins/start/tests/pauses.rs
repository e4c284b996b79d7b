//! A machine that stands still for a while is no process that hangs.

use std::time::Duration;

use fosse_harness::{Backend, Edge, Process, children, get, wait_for};
use rustix::process::Signal;

fn pids(all: &[Process]) -> Vec<u32> {
    let mut pids: Vec<u32> = all.iter().map(|process| process.pid).collect();
    pids.sort_unstable();
    pids
}

/// The turns of start's loop, as the kernel counts its sleeps.
fn sleeps(edge: &Edge) -> u64 {
    edge.start().field("voluntary_ctxt_switches").parse().unwrap()
}

#[test]
fn after_a_pause_of_the_whole_tree_everybody_is_still_there() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "2"]);
    let tree = children(edge.pid());
    edge.signal(Signal::STOP);
    tree.iter().for_each(|process| assert!(process.signal(Signal::STOP)));
    // Longer than a process that hangs is given: this is what the test is about.
    std::thread::sleep(Duration::from_secs(5));
    // The order that is worst for them: start looks at all of them before one of them moves.
    let before = sleeps(&edge);
    edge.signal(Signal::CONT);
    wait_for("a turn of start", || (sleeps(&edge) > before).then_some(()));
    tree.iter().for_each(|process| assert!(process.signal(Signal::CONT)));
    let turned = sleeps(&edge);
    // Ticks are half a second apart; whom start would kill it has killed by then.
    wait_for("ticks of start", || (sleeps(&edge) > turned + 10).then_some(()));
    assert_eq!(pids(&children(edge.pid())), pids(&tree), "{}", edge.log());
    assert_eq!(get(edge.address(), "/").status, 200);
    assert!(!edge.log().contains("event=hangs"), "{}", edge.log());
}

#[test]
fn a_process_that_alone_stands_still_is_replaced() {
    let backend = Backend::start();
    let edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let stopped = edge.process("parse");
    stopped.signal(Signal::STOP);
    edge.wait_for_log("event=hangs program=parse action=kill");
    wait_for("another parse", || edge.children_of("parse").into_iter().find(|parse| parse.pid != stopped.pid));
    assert_eq!(get(edge.address(), "/").status, 200);
}
