//! The end of an edge: start is the last of it.

use fosse_harness::{Backend, Edge, is_alive};
use rustix::process::Signal;

#[test]
fn start_ends_after_every_process_and_one_that_hangs_is_no_exception() {
    let backend = Backend::start();
    let mut edge = Edge::up(&backend.address(), &["--lanes", "1"]);
    let pids: Vec<u32> = edge.children().iter().map(|process| process.pid).collect();
    assert!(pids.len() >= 7, "{pids:?}");
    edge.process("status").signal(Signal::STOP);
    assert_eq!(edge.terminate(), Some(0), "{}", edge.log());
    // Not "soon after": whoever waited for start may take the edge's place now.
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "{}", edge.log());
    assert!(edge.log().contains("event=hangs program=status"), "{}", edge.log());
}
