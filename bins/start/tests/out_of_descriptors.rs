//! A stage that has no descriptor for one more socket loses that connection, and no other.

use std::{collections::BTreeSet, fs, os::unix::process::CommandExt as _, process::Command};

use fosse_harness::{Backend, Client, Edge, Process, is_root, wait_for};

fn edge(backend: &Backend) -> Edge {
    let text = format!(
        "lanes = 1\nuid_base = {{uid_base}}\n[[listen]]\naddress = \"{{address}}\"\n[[site]]\ndefault = true\nwaf = \"off\"\n\
         backend = \"app\"\n[[backend]]\nname = \"app\"\nservers = [\"{}\"]\n",
        backend.address()
    );
    Edge::with_config(&text, &[])
}

/// Leaves a process room for that many descriptors more than it has: a new one gets the lowest
/// number that is free, and the limit is one of numbers.
fn leave_room(process: &Process, descriptors: usize) {
    let fds = fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap();
    let taken: BTreeSet<u64> = fds.filter_map(|fd| fd.unwrap().file_name().to_str()?.parse().ok()).collect();
    let max = (0..).filter(|number| !taken.contains(number)).nth(descriptors).unwrap();
    // prlimit(2) lets the same user without any capability.
    let id = |field: &str| process.field(field).split_whitespace().next().unwrap().parse::<u32>().unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.pid.to_string(), &format!("--nofile={max}:")]).uid(id("Uid")).gid(id("Gid"));
    assert!(command.status().unwrap().success());
}

/// Asks over a connection that is kept; false where it is cut.
fn is_served(client: &mut Client, target: &str) -> bool {
    let sent = client.try_send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    sent.is_ok() && client.try_response(false).is_some_and(|response| response.status == 200 && response.complete)
}

/// Connects that many clients, and asks over each. One that is cut off at once is not among them.
fn connected(edge: &Edge, count: usize, target: &str) -> Vec<(Client, bool)> {
    let one = |_| {
        let mut client = Client::try_connect(edge.address()).ok()?;
        let served = is_served(&mut client, target);
        Some((client, served))
    };
    (0..count).filter_map(one).collect()
}

/// Checks that a stage which had room for a few sockets has cost the rest of the connections, that
/// those it has are served, and that there is room again when they are gone.
fn check(program: &str, target: &str) {
    if !is_root() {
        return println!("skipped: needs root to become the user of a program");
    }
    let backend = Backend::start();
    let edge = edge(&backend);
    let mut before = connected(&edge, 3, target);
    assert_eq!(before.len(), 3);
    assert!(before.iter().all(|(_, served)| *served), "{}", edge.log());
    let process = edge.process(program);
    leave_room(&process, 3);
    let mut after = connected(&edge, 12, target);
    let served = after.iter().filter(|(_, served)| *served).count();
    assert!((1..=3).contains(&served), "{served} are served");
    for (client, _) in before.iter_mut().chain(after.iter_mut().filter(|(_, served)| *served)) {
        assert!(is_served(client, target), "{}", edge.log());
    }
    assert!(edge.log().contains("event=no-descriptor"), "{}", edge.log());
    assert!(edge.counter(program, "exhausted") >= 9, "{}", edge.log());
    drop((before, after));
    wait_for("the end of all connections", || (edge.counter("accept", "live") == 0).then_some(()));
    assert!(connected(&edge, 3, target).iter().all(|(_, served)| *served), "{}", edge.log());
    assert_eq!(edge.process(program).pid, process.pid, "{}", edge.log());
    assert!(!edge.log().contains("event=exited"), "{}", edge.log());
}

#[test]
fn a_parse_without_a_descriptor_loses_the_connection_that_it_was_for() {
    check("parse", "/");
}

#[test]
fn a_dispatch_without_a_descriptor_loses_the_response_that_it_was_to_write() {
    check("dispatch", "/bytes/100000");
}

#[test]
fn a_dispatch_without_a_descriptor_blames_no_server_for_it() {
    if !is_root() {
        return println!("skipped: needs root to become the user of a program");
    }
    let backend = Backend::start();
    let edge = edge(&backend);
    let dispatch = edge.process("dispatch");
    leave_room(&dispatch, 0);
    for (_, served) in connected(&edge, 6, "/") {
        assert!(!served, "{}", edge.log());
    }
    let log = edge.log();
    assert!(log.contains("event=connect-failed") && !log.contains("state=down"), "{log}");
    leave_room(&dispatch, 1);
    assert!(connected(&edge, 1, "/")[0].1, "{}", edge.log());
    assert_eq!(edge.process("dispatch").pid, dispatch.pid);
}
