//! Nothing from outside is read before the lock, and a connection costs two system calls and its
//! share of a batch.

mod edge;

use std::path::Path;

use edge::{Edge, client, listener};
use fosse_settings::AcceptListener;
use fosse_wire::start::{ToChild, ToStart};

/// Calls that bring in something from outside.
const READS: &[&str] = &["accept4(", "recvmsg(", "pread64(", "recvfrom("];

/// One connection, then 64 that waited for a lane, then drain.
fn trace(path: &Path) -> Option<String> {
    let mut edge = Edge::traced(&listener(AcceptListener::default()), path)?;
    let address = edge.listen_v4(0);
    let first = edge.lane(1, 100);
    let mut clients = vec![client(address)];
    let mut held = first.take(1);
    edge.order(ToChild::LaneDrain { lane: 1 }, None);
    edge.settle();
    clients.extend((0..64).map(|_| client(address)));
    let second = edge.lane(2, 100);
    let batch = second.take(64);
    edge.order(ToChild::Drain, None);
    batch.iter().for_each(|(connection, _)| second.close(connection));
    held.drain(..).for_each(|(connection, _)| first.close(&connection));
    assert_eq!(edge.said(), ToStart::Drained);
    assert_eq!(edge.exit().code(), Some(0));
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    Some(text)
}

#[test]
fn nothing_is_read_before_the_lock_and_a_batch_costs_two_calls_a_connection() {
    let path = std::env::temp_dir().join(format!("fosse-accept-{}.trace", std::process::id()));
    let Some(trace) = trace(&path) else { return println!("skipped: no strace here") };
    let (before, after) = trace.split_once("SECCOMP").expect("it locks itself");
    assert!(!READS.iter().any(|call| before.lines().any(|line| line.starts_with(call))), "{before}");
    let calls: Vec<&str> = after.lines().collect();
    let count = |call: &str| calls.iter().filter(|line| line.starts_with(call)).count();
    assert_eq!(count("sendmsg(7,"), 2, "ready and drained");
    assert_eq!(count("sendmsg("), 4, "and two batches");
    assert!(count("accept4(") <= 65 + 4, "{} accepts", count("accept4("));
    assert!(count("setsockopt(") <= 7, "options are inherited, not set: {}", count("setsockopt("));
    assert!(
        calls.iter().any(|line| line.contains("TCP_DEFER_ACCEPT, [1]")),
        "it wakes with something to read: {after}"
    );
    for call in ["socket(", "connect(", "bind(", "listen(", "read(", "recvfrom("] {
        assert_eq!(count(call), 0, "{call}");
    }
}
